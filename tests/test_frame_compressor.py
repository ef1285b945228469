"""Files that are written in frames: the bytes of `compress(frame_size=..)`, whatever the pieces."""

from __future__ import annotations

import io

import pytest
from conftest import noise, prose

import lmzip
from lmzip.frames import compressor as frames
from lmzip.frames.compressor import FrameCompressor

SIZE = 1024


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 2 * SIZE + 300])
@pytest.mark.parametrize("piece", [100, SIZE, 5 * SIZE])
def test_how_the_data_are_cut_changes_nothing(size, piece):
    data = prose(size)
    whole = lmzip.compress(data, level=1, frame_size=SIZE)
    compressor = FrameCompressor(1, frame_size=SIZE)
    out = b"".join(compressor.compress(data[i : i + piece]) for i in range(0, size, piece))
    out += compressor.flush()
    assert out == whole
    assert compressor.returned == len(whole)


def test_a_frame_leaves_when_it_is_known_not_to_be_the_last():
    compressor = FrameCompressor(1, frame_size=SIZE)
    assert compressor.compress(prose(SIZE)) == b""
    assert compressor.compress(b"x") != b""
    assert compressor.compress(b"x") == b""


def test_a_call_that_raises_has_taken_nothing(monkeypatch):
    data = prose(3 * SIZE)
    compressor = FrameCompressor(1, frame_size=SIZE)
    out = compressor.compress(data[: SIZE + 10])
    encode = frames.encode_frame
    for failing in (0, 1):
        calls = iter(range(9))

        def broken(*arguments, calls=calls, failing=failing):
            if next(calls) == failing:
                raise MemoryError
            return encode(*arguments)

        monkeypatch.setattr(frames, "encode_frame", broken)
        with pytest.raises(MemoryError):
            compressor.compress(data[SIZE + 10 :] + b"more of it")
    monkeypatch.setattr(frames, "encode_frame", encode)
    out += compressor.compress(data[SIZE + 10 :]) + compressor.flush()
    assert out == lmzip.compress(data, level=1, frame_size=SIZE)


def test_nothing_comes_behind_the_end():
    compressor = FrameCompressor(1, frame_size=SIZE)
    compressor.flush()
    for call in (compressor.flush, lambda: compressor.compress(b"x")):
        with pytest.raises(ValueError, match="has been flushed"):
            call()


@pytest.mark.parametrize("given", [{"frame_size": 5}, {"frame_size": SIZE, "level": 10}])
def test_what_no_frame_has_is_refused_before_a_file_is_touched(given, tmp_path):
    with pytest.raises(ValueError, match=r"a frame has|level must be"):
        lmzip.open(tmp_path / "a.lmz", "wb", **given)
    assert not (tmp_path / "a.lmz").exists()


def test_a_file_is_written_in_frames_and_sought_in(tmp_path):
    data, path = prose(5 * SIZE) + noise(50), tmp_path / "a.lmz"
    with lmzip.open(path, "wb", level=1, frame_size=SIZE) as file:
        for start in range(0, len(data), 700):
            assert file.write(data[start : start + 700]) == len(data[start : start + 700])
    assert path.read_bytes() == lmzip.compress(data, level=1, frame_size=SIZE)
    read: list[int] = []
    with lmzip.open(path, progress=read.append) as file:
        file.seek(4 * SIZE + 7)
        assert file.read(100) == data[4 * SIZE + 7 :][:100]
    assert sum(read) <= 2 * SIZE, "only the frames that hold the bytes are decoded"


def test_text_and_further_archives_in_frames(tmp_path):
    text, path = "a line of text, and another\n" * 100, tmp_path / "a.lmz"
    with lmzip.open(path, "wt", level=1, frame_size=SIZE, encoding="utf-8") as file:
        file.write(text)
    with lmzip.open(path, "ab", level=1, frame_size=SIZE) as file:
        file.write(b"more")
        file.complete()
        file.write(prose(SIZE + 1))
    whole = lmzip.decompress(path.read_bytes())
    assert whole == text.encode() + b"more" + prose(SIZE + 1)


def test_a_target_that_takes_only_a_part_gets_the_rest_later(tmp_path):
    class Slow(io.BytesIO):
        def write(self, data):
            return super().write(bytes(data)[:7])

    data, target = prose(3 * SIZE), Slow()
    with lmzip.LMZFile(target, "w", level=1, frame_size=SIZE) as file:
        file.write(data)
    assert target.getvalue() == lmzip.compress(data, level=1, frame_size=SIZE)
