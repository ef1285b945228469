"""Messages on standard error, and the exit status that they add up to."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmzip.errors import LMZError, PaddingWarning, RefusedError, TableWarning
from lmzip.names import shown

if TYPE_CHECKING:
    from lmzip.scan import ArchiveInfo

STDIN = "standard input"
STDOUT = "standard output"
"""What messages call them."""

NO_MEMORY = "out of memory: the system gives no more; close other programs, or use a lower level"

_OPEN = "cannot be opened"
_WRITE = "no output can be written"
_EXPLAINED = {
    errno.ENOENT: (_OPEN, "check the name"),
    errno.ENOTDIR: (_OPEN, "check the name"),
    errno.ENAMETOOLONG: (_OPEN, "name a shorter output with -o, or start further down"),
    errno.EACCES: (_OPEN, "check its permissions and those of its directory"),
    errno.EPERM: (_OPEN, "check its permissions and those of its directory"),
    errno.EISDIR: (_OPEN, "name a file, or use -r for all files in it"),
    errno.EEXIST: ("will not be overwritten", "use -f to overwrite it, or -o for another name"),
    errno.ENOSPC: (_WRITE, "make room, or name an output elsewhere with -o"),
    errno.EDQUOT: (_WRITE, "make room, or name an output elsewhere with -o"),
    errno.EFBIG: (_WRITE, "name an output on another file system with -o"),
    errno.EBADF: ("is closed", "redirect it, or name a file"),
    errno.EROFS: (_WRITE, "name an output elsewhere with -o"),
}


class Skipped(Exception):
    """A file that is left alone, which is no failure. `loud`: worth a word without -v."""

    def __init__(self, why: str, loud: bool = True) -> None:
        super().__init__(why)
        self.loud = loud


def explain(error: OSError) -> str:
    """What an error of the operating system means: what, why, and what to do."""
    what, remedy = _EXPLAINED.get(error.errno, ("failed", "check the file and its file system"))
    why = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{what}: {why}; {remedy}"


@contextmanager
def about(name: str) -> Iterator[None]:
    """Let an error of the operating system that names no file name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = name
        raise


def say(message: str) -> None:
    """One line on standard error, if that takes it."""
    with suppress(OSError):
        print(f"lmzip: {shown(message)}", file=sys.stderr, flush=True)


@contextmanager
def saying_warnings() -> Iterator[None]:
    """Within, warnings are said like all else, whatever -W and PYTHONWARNINGS make of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = lambda message, *rest: say(str(message))
        yield


def no_warnings() -> None:
    """Leave them unsaid."""
    warnings.simplefilter("ignore")


@dataclass
class Console:
    """How much is told, and how bad it has been so far."""

    verbosity: int = 0
    """-2 nothing, -1 errors, 0 and what was skipped, 1 a line for each file, 2 two lines."""
    progress: bool | None = None
    """Whether to show a progress bar; None: if standard error is a terminal."""
    status: int = 0
    """The worst exit status so far."""

    def note(self, message: str, least: int = 0) -> None:
        """Say something that is no error, from the verbosity `least` on."""
        if self.verbosity >= least:
            say(message)

    def failed(self, message: str, status: int) -> None:
        """Report an error, and remember that it happened."""
        self.status = max(self.status, status)
        if self.verbosity > -2:
            say(message)

    def note_between(self, name: str, archives: Iterable[ArchiveInfo]) -> None:
        """Say how many zero bytes of a file are passed over, if any, and which tables are wrong."""
        padding = 0
        for info in archives:
            padding += info.padding
            if info.table is not None:
                self.note(f"{name}: the table of frames {info.table}; the frames are whole")
        if padding:
            self.note(f"{name}: {padding:,} zero bytes behind an archive are ignored")

    @contextmanager
    def noting_between(self, name: str) -> Iterator[None]:
        """Within, say so when the library passes over zero bytes, or a wrong table, of a file."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", PaddingWarning)
            warnings.simplefilter("always", TableWarning)
            usual = warnings.showwarning

            def show(message: Warning | str, *rest: Any) -> None:
                if isinstance(message, (PaddingWarning, TableWarning)):
                    self.note(f"{name}: {message}")
                else:
                    usual(message, *rest)

            warnings.showwarning = show
            yield

    @contextmanager
    def each(self, name: str) -> Iterator[None]:
        """Work on one of several files: what goes wrong with it does not stop the others.

        Standard output that takes nothing more does, and so do interruptions and bugs.
        """
        try:
            yield
        except Skipped as reason:
            self.note(f"{name}: skipped: {reason}", least=0 if reason.loud else 1)
        except BrokenPipeError:
            raise
        except RefusedError as error:  # says itself which file it is about
            self.failed(str(error), error.exit_status)
        except LMZError as error:
            self.failed(f"{name}: {error}", error.exit_status)
        except OSError as error:
            if error.filename == STDOUT:
                raise
            self.failed(f"{error.filename or name}: {explain(error)}", 1)
        except MemoryError:
            self.failed(f"{name}: {NO_MEMORY}", 1)
