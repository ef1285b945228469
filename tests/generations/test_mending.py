"""Every generation compiles for processors that were not there when it was made."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from lmzip.codec.jit import COMPILING
from lmzip.generations import known

COMPILE_ALL = """
import sys
from importlib import import_module
import numpy as np
from lmzip.generations import newest, numbered

one = numbered(int(sys.argv[1]))
part = lambda name: import_module(f"{one.package}.{name}")
part("processor")._way = "vnni512"
# Nothing of it runs: this machine may lack the instructions.
part("native.machine_code").Function.__call__ = lambda self, words: None
for name in ("attention", "gradients", "heads", "products"):
    part(f"transformer.kernels.{name}").check = lambda: None

model = one.new_codec(1, threads=1).engine
segment = np.zeros(model.preset.segment, dtype=np.uint8)
model.predict(0, segment)
if one == newest():
    model.learn(0, segment)
    part("coder.bit_coder").encode_segment(*part("coder.bit_coder").one_byte())
compiled = part("transformer.kernels.products").stream_product.called.overloads
print(len(compiled))
"""


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not COMPILING, reason="machine code of x86-64 alone"
)
@pytest.mark.parametrize("number", [one.number for one in known()])
def test_kernels_compile_for_a_processor_that_shuffles_bytes_of_512_bits(tmp_path, number):
    """LLVM 22 never got done with a product for such a one, as most with AVX-512 are."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILE_ALL, str(number)],
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": str(tmp_path),
            "NUMBA_CPU_NAME": "icelake-server",
            "NUMBA_CPU_FEATURES": "+avx2,+avx512bw,+avx512vbmi,+avx512vnni",
        },
        capture_output=True,
        text=True,
        timeout=300,  # for ever, otherwise
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"]
