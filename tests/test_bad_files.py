"""Bad files: each is refused for its own reason, everywhere alike, and nothing is written."""

from __future__ import annotations

import io

import pytest
from conftest import run
from make_bad_files import TEXT, BadFile, bad_files

import lmzip
from lmzip.container import BLOCK_SIZE
from lmzip.errors import AfterError, LMZError, MismatchError, PriorError
from lmzip.scan import scan
from lmzip.whole import decompress_chunks

SEEN_WITH_THE_DATA = (
    "digest-of-stored",
    "code-newer",
    "code-of-no-release",
    "second-of-other-code",
)


@pytest.fixture(scope="module")
def files() -> list[BadFile]:
    return bad_files()


def refusal(read, *arguments) -> LMZError:
    with pytest.raises(LMZError) as caught:
        read(*arguments)
    return caught.value


def test_there_are_many_and_no_two_fail_alike(files):
    assert len({file.name for file in files}) == len(files) >= 30
    refusals = [refusal(lmzip.decompress, file.data) for file in files]
    assert len({(type(error), str(error)) for error in refusals}) == len(files)


def test_each_says_what_is_wrong_and_what_to_do(files):
    for file in files:
        error = refusal(lmzip.decompress, file.data)
        assert type(error) is file.error, file.name
        assert file.message in str(error), file.name
        assert error.what and error.why and error.remedy, file.name


def test_every_way_of_reading_refuses_alike(files):
    for file in files:
        if len(file.data) > BLOCK_SIZE:  # the model would learn from it for a minute
            continue
        message = str(refusal(lmzip.decompress, file.data))
        assert message == str(refusal(lmzip.open(io.BytesIO(file.data)).read)), file.name
        size = max(4, len(file.data) // 50)
        pieces = (file.data[i : i + size] for i in range(0, len(file.data), size))
        assert message == str(refusal(list, decompress_chunks(pieces))), file.name


def test_all_is_seen_without_the_model_but_what_only_the_data_show(files):
    for file in files:
        wants_more = file.error in (MismatchError, AfterError, PriorError)
        if wants_more or file.name in SEEN_WITH_THE_DATA:
            assert list(scan(io.BytesIO(file.data))), file.name
        else:
            refusal(list, scan(io.BytesIO(file.data)))


def test_the_command_ends_with_one_line_and_writes_nothing(files, tmp_path):
    source = tmp_path / "a.lmz"
    for file in files:
        source.write_bytes(file.data)
        done = run("decompress", source)
        assert done.returncode == file.error.exit_status, file.name
        message = done.stderr.decode()
        assert message.startswith("lmzip: ") and message.count("\n") == 1, file.name
        assert file.message in message
        assert list(tmp_path.iterdir()) == [source], file.name


def test_what_they_are_made_from_is_sound():
    assert lmzip.decompress(lmzip.compress(TEXT, level=1)) == TEXT
