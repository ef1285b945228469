"""Parts of a file: whole or absent, known by their names, joined by whoever can."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmzip.errors import RefusedError
from lmzip.frames import parts as module
from lmzip.frames.parts import Parts, Place
from lmzip.series import Frame, pack_table

pytest.importorskip("fsspec")
from fsspec.implementations.local import LocalFileSystem

MERGED = 4
COUNT = MERGED * MERGED + 3
"""So many that they are merged in three turns."""


class Merging(LocalFileSystem):
    """A store that merges files by itself, up to a number, and from a size on."""

    smallest = 0
    merged = 0

    def merge(self, target: str, paths: list[str]) -> None:
        pieces = [Path(path).read_bytes() for path in paths]
        if len(paths) > MERGED or min(map(len, pieces)) < self.smallest:
            raise OSError("too many, or too small")
        Path(target).write_bytes(b"".join(pieces))
        self.merged += 1


def parts_of(system: LocalFileSystem, directory: Path, key: str = "a") -> Parts:
    parts = Parts.of(Place(system, str(directory / "target")), {"key": key})
    parts.begin(resume=True)
    return parts


def piece(number: int) -> bytes:
    return b"%d," % number


def fill(parts: Parts, count: int) -> list[Frame]:
    frames = [Frame(len(piece(n)), 1000 + n, bytes([n % 256] * 8)) for n in range(count)]
    for number, frame in enumerate(frames):
        parts.write(number, [piece(number)], frame)
    return frames


def test_names_tell_all_there_is_to_know(tmp_path):
    parts = parts_of(LocalFileSystem(), tmp_path)
    frames = fill(parts, 3)
    assert parts.done() == dict(enumerate(frames))
    assert parts.begin(resume=True) == dict(enumerate(frames))
    assert parts_of(LocalFileSystem(), tmp_path, "b").done() == {}, "they belong to another input"
    Path(parts.place(1, frames[1]).path).write_bytes(b"")
    assert sorted(parts.done()) == [0, 2], "one was cut off"
    with pytest.raises(RefusedError, match="left 2 of its parts"):
        parts.begin(resume=False)
    assert parts.begin(resume=False, overwrite=True) == {}
    assert list(Path(parts.directory.path).iterdir()) == []


def test_parts_of_another_input_are_in_nobodys_way(tmp_path):
    fill(parts_of(LocalFileSystem(), tmp_path, "b"), 3)
    parts = Parts.of(Place(LocalFileSystem(), str(tmp_path / "target")), {"key": "a"})
    assert parts.begin(resume=False) == {}
    assert list(Path(parts.directory.path).iterdir()) == []


def test_what_is_broken_off_leaves_nothing(tmp_path):
    parts = parts_of(LocalFileSystem(), tmp_path)

    def pieces():
        yield b"some"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.write(0, pieces(), Frame(8, 8, bytes(8)))
    assert list(Path(parts.directory.path).iterdir()) == []


@pytest.mark.parametrize("smallest", [0, 3, None], ids=["merged", "too small", "none merges"])
def test_parts_are_joined_in_order_with_their_table(smallest, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MERGED", MERGED)
    system = LocalFileSystem() if smallest is None else Merging(skip_instance_cache=True)
    system.smallest = smallest
    parts = parts_of(system, tmp_path)
    frames = fill(parts, COUNT)
    joined, size = parts.join(COUNT, table=True)
    wanted = b"".join(map(piece, range(COUNT))) + pack_table(frames)
    assert Path(joined.path).read_bytes() == wanted and size == len(wanted)
    assert bool(getattr(system, "merged", 0)) == (smallest == 0)
    parts.publish(joined, overwrite=False)
    parts.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_nothing_is_joined_without_all(tmp_path):
    parts = parts_of(LocalFileSystem(), tmp_path)
    frames = fill(parts, 3)
    Path(parts.place(1, frames[1]).path).unlink()
    with pytest.raises(RefusedError, match="part 1 of 3 is no longer in"):
        parts.join(3, table=True)
    assert not (tmp_path / "target").exists()


def test_a_file_that_gives_less_than_it_has_is_an_error(tmp_path):
    (tmp_path / "short").write_bytes(b"12345")
    place = Place(LocalFileSystem(), str(tmp_path / "short"))
    assert place.read(1, 3) == b"234"
    with pytest.raises(OSError, match="gave 3 bytes for the 4 at 2"):
        place.read(2, 4)
