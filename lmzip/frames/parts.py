"""Files on any file system that fsspec knows, and the parts that they are made of, one a frame.

Parts lie in a directory beside the target. One has its name only when it is whole, and the name
says all that is to be known of it, so that one listing tells what is done: `key-number-size-raw
size-digest`. The key stands for all that determines the bytes, the input for one: parts of another
input, level or code have other names, and are never taken for these.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lmzip.errors import RefusedError
from lmzip.outputs import sync, sync_directory
from lmzip.series import Frame, pack_table

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

DIRECTORY = ".lmzip-parts"
"""What stands behind the target's name in that of the directory of its parts."""
PIECE = 1 << 24
"""Bytes that are read at a time."""
MERGED = 32
"""Files that every store which can merge them takes at once."""
UPLOADS = 9_000
"""Pieces that a file is sent to a store in, at most, and with them the memory that one takes."""
UPLOAD = 1 << 26
"""Bytes of such a piece at least."""
MARKS = ("ETag", "etag", "md5Hash", "generation", "mtime", "LastModified", "last_modified")
"""What file systems tell that changes when a file does."""


@dataclass(frozen=True)
class Place:
    """A file, there or not. It can be sent to another process, which then opens it itself."""

    system: AbstractFileSystem
    path: str

    @classmethod
    def at(cls, url: str) -> Place:
        """Where a URL leads, or the name of a local file. Raises ValueError, ImportError."""
        from fsspec.core import url_to_fs

        return cls(*url_to_fs(os.path.expanduser(url)))

    @property
    def is_local(self) -> bool:
        """Whether the operating system knows it by its path."""
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self.system, LocalFileSystem)

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path if self.is_local else self.system.unstrip_protocol(self.path)

    def info(self) -> dict[str, Any]:
        """What the file system says of it now. Raises OSError, RefusedError if it has no size."""
        self.system.invalidate_cache()
        info = self.system.info(self.path)
        if info["type"] == "directory":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.name)
        if info.get("size") is None:
            raise RefusedError(
                f"{self.name}: cannot be read in parts",
                "whoever keeps it does not tell its size",
                "copy it to where its size is known",
            )
        return info

    def mark(self) -> dict[str, str]:
        """What is another when the file has changed. Raises as `info`."""
        info = self.info()
        marks = {name: str(info[name]) for name in MARKS if info.get(name) is not None}
        return {"size": str(info["size"]), **(marks or {"key": self.system.ukey(self.path)})}

    def open(self) -> BinaryIO:
        """Open it for reading here and there, in small pieces. Raises OSError."""
        return self.system.open(self.path, "rb", block_size=1 << 16)

    def read(self, start: int, size: int) -> bytes:
        """Exactly these bytes. Raises OSError."""
        data = self.system.cat_file(self.path, start=start, end=start + size) if size else b""
        if len(data) != size:
            why = f"it gave {len(data):,} bytes for the {size:,} at {start:,}"
            raise OSError(errno.EIO, why, self.name)
        return data

    def pieces(self, start: int, size: int) -> Iterator[bytes]:
        """These bytes, PIECE at a time. Raises OSError."""
        for at in range(start, start + size, PIECE):
            yield self.read(at, min(PIECE, start + size - at))

    def write(self, pieces: Iterable[bytes], size: int = 0) -> None:
        """Write a new file of about `size` bytes; it is on the disk when this returns.

        Whatever is raised, what has been written is removed. Raises OSError.
        """
        block = max(UPLOAD, size // UPLOADS)
        try:
            with self.system.open(self.path, "wb", block_size=block) as file:
                for piece in pieces:
                    file.write(piece)
                if self.is_local:
                    file.flush()
                    sync(file.fileno(), self.name)
        except BaseException:
            with suppress(Exception):
                self.system.rm(self.path)
            raise

    def move(self, target: Place) -> None:
        """Give it another name on its file system, also one that is taken. Raises OSError."""
        if self.is_local:
            os.replace(self.path, target.path)
        else:
            self.system.mv(self.path, target.path)

    def check_free(self, overwrite: bool) -> None:
        """Raise FileExistsError if it is there and must not be, IsADirectoryError."""
        self.system.invalidate_cache()
        if self.system.isdir(self.path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.name)
        if not overwrite and self.system.lexists(self.path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.name)


@dataclass(frozen=True)
class Parts:
    """The parts of one target. Small: it is sent along with each piece of work."""

    target: Place
    key: str

    @classmethod
    def of(cls, target: Place, manifest: dict[str, object]) -> Parts:
        """Those of a target whose bytes are determined by what is in the manifest."""
        told = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
        return cls(target, told.hexdigest()[:16])

    @property
    def directory(self) -> Place:
        """Where they are."""
        return Place(self.target.system, self.target.path + DIRECTORY)

    def begin(self, resume: bool, overwrite: bool = False) -> dict[int, Frame]:
        """Make the directory; return the parts that are there already, with `resume`.

        Without, all that is in it is removed; but parts of the same, which may be many hours' work,
        only with `overwrite`. Raises RefusedError, OSError.
        """
        done = self.done()
        if done and not (resume or overwrite):
            raise RefusedError(
                f"{self.target.name}: is not begun anew",
                f"an interrupted run has left {len(done):,} of its parts in {self.directory.name}",
                "go on with --resume (or `resume`), or use -f (`overwrite`) to do them again",
            )
        if not resume:
            self.remove()
            done = {}
        self.target.system.makedirs(self.directory.path, exist_ok=True)
        return done

    def done(self) -> dict[int, Frame]:
        """The parts that are whole, by number; sizes are those of the part and of its data."""
        pattern = re.compile(rf"{self.key}-(\d+)-(\d+)-(\d+)-([0-9a-f]+)")
        system, found = self.target.system, {}
        system.invalidate_cache()
        try:
            listed = system.ls(self.directory.path, detail=True)
        except FileNotFoundError:  # a store without directories has none without files
            return {}
        for info in listed:
            match = pattern.fullmatch(info["name"].rstrip("/").rpartition("/")[2])
            if match is not None and info["size"] == int(match[2]):
                sizes = int(match[2]), int(match[3])
                found[int(match[1])] = Frame(*sizes, bytes.fromhex(match[4]))
        return found

    def place(self, number: int, frame: Frame) -> Place:
        """Where a part is."""
        sizes = f"{frame.size}-{frame.raw_size}"
        return self._at(f"{self.key}-{number:08d}-{sizes}-{frame.digest.hex()}")

    def write(self, number: int, pieces: Iterable[bytes], frame: Frame) -> None:
        """Make a part, in the place of the same if that is there. Raises OSError."""
        unfinished = self._unfinished(f"{number:08d}")
        unfinished.write(pieces, frame.size)
        unfinished.move(self.place(number, frame))

    def join(self, count: int, table: bool) -> tuple[Place, int]:
        """Join so many parts, and the table of the frames that they are, if there are several.

        Returns the file, not yet under the target's name, and its size in bytes. The file system
        does it by itself if it can; else all bytes pass through this process. Raises OSError;
        RefusedError if a part is gone.
        """
        done = self.done()
        missing = next((number for number in range(count) if number not in done), None)
        if missing is not None:
            raise RefusedError(
                f"{self.target.name}: cannot be joined",
                f"part {missing:,} of {count:,} is no longer in {self.directory.name}",
                "see who removes files there, and go on with --resume (or `resume`)",
            )
        frames = [done[number] for number in range(count)]
        last = pack_table(frames) if table and count > 1 else b""
        places = [(self.place(number, frame), frame.size) for number, frame in enumerate(frames)]
        if last:
            end = self._unfinished("table")
            end.write([last])
            places.append((end, len(last)))
        size, joined = sum(size for _, size in places), self._unfinished("joined")
        if not self._merge([place.path for place, _ in places], joined.path):
            joined.write((piece for place, size in places for piece in place.pieces(0, size)), size)
        found = joined.info()["size"]
        if found != size:
            raise OSError(errno.EIO, f"{found:,} bytes of {size:,} were written", self.target.name)
        return joined, size

    def publish(self, joined: Place, overwrite: bool) -> None:
        """Give the joined file the target's name. Raises OSError."""
        self.target.check_free(overwrite)
        joined.move(self.target)
        if self.target.is_local:
            sync_directory(Path(self.target.path).parent, self.target.name)

    def remove(self) -> None:
        """Remove the directory and all that is in it, if it is there. Raises OSError."""
        self.target.system.invalidate_cache()
        if self.target.system.exists(self.directory.path):
            self.target.system.rm(self.directory.path, recursive=True)

    def _merge(self, paths: list[str], target: str) -> bool:
        """Let the file system put files together; False if it cannot, or not these.

        Stores have limits of their own: S3 takes pieces from 5 MiB on.
        """
        merge = getattr(self.target.system, "merge", None)
        if merge is None:
            return False
        try:
            while len(paths) > MERGED:
                groups = [paths[at : at + MERGED] for at in range(0, len(paths), MERGED)]
                paths = [self._unfinished("group").path for _ in groups]
                for path, group in zip(paths, groups, strict=True):
                    merge(path, group)
            merge(target, paths)
        except Exception:
            return False
        return True

    def _unfinished(self, what: str) -> Place:
        """A name that nobody else has."""
        return self._at(f"{self.key}-{what}.{secrets.token_hex(8)}.tmp")

    def _at(self, name: str) -> Place:
        return Place(self.target.system, f"{self.directory.path}/{name}")
