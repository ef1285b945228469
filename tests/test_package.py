"""What `import lmzip` offers: its names, their descriptions, the examples in them."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import lmzip


def test_every_public_name_exists_and_is_described():
    for name in lmzip.__all__:
        value = getattr(lmzip, name)
        assert inspect.getdoc(value), name
        for part, member in vars(value).items() if inspect.isclass(value) else ():
            if not part.startswith("_") and (callable(member) or isinstance(member, property)):
                assert inspect.getdoc(getattr(value, part)), f"{name}.{part}"
    assert set(lmzip.__all__) <= set(dir(lmzip))


def test_errors_are_one_tree():
    errors = [getattr(lmzip, name) for name in lmzip.__all__ if name.endswith("Error")]
    assert len(errors) == 14
    assert all(issubclass(error, lmzip.LMZError) for error in errors)


def test_the_examples_in_the_description_are_true():
    assert doctest.testmod(lmzip) == (0, 3)


def test_importing_it_is_cheap_and_typed():
    program = (
        "import lmzip, lmzip.files, lmzip.whole, sys;"
        "assert not {'torch', 'numba', 'numpy', 'click', 'tqdm', 'fsspec'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert (Path(lmzip.__file__).parent / "py.typed").is_file()
