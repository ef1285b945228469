"""What can go wrong, as one tree.

    Exception
    └── LMZError                    everything that lmzip itself raises
        ├── FormatError             foreign: no lmz archive, or one that no lmzip writes   (2)
        ├── CorruptError            damaged: a checksum says so                            (2)
        │   └── TruncatedError      the archive stops before its end; also an EOFError     (2)
        ├── UnsupportedError        sound, but written by another lmzip                    (2)
        ├── AfterError              sound, but needs data to be read first, or needs none  (1)
        │   └── OtherDataError      what is given are not those data                       (2)
        ├── PriorError              sound, but its prior is missing, damaged or another one's  (2)
        ├── LimitError              needs more memory than was allowed                     (1)
        ├── MismatchError           sound, but this machine computes something else        (1)
        ├── EngineError              no exact arithmetic can be had on this machine         (1)
        ├── BrokenError             an earlier call was broken off; also a ValueError      (1)
        ├── WorkerError             a process that worked on frames is gone                (1)
        └── RefusedError            the command will not do this without being told to     (1)

    UserWarning
    ├── PaddingWarning              zero bytes behind an archive were ignored, as tapes add them
    └── TableWarning                the table behind frames is damaged or missing; they are whole

In brackets: the exit status of the command. Errors of the operating system stay `OSError`,
wrong arguments stay `ValueError` and `TypeError`.
"""

from __future__ import annotations

__all__ = [
    "AfterError",
    "BrokenError",
    "CorruptError",
    "EngineError",
    "FormatError",
    "LMZError",
    "LimitError",
    "MismatchError",
    "OtherDataError",
    "PaddingWarning",
    "PriorError",
    "RefusedError",
    "TableWarning",
    "TruncatedError",
    "UnsupportedError",
    "WorkerError",
]

GET_ANOTHER_COPY = "get the archive again from where it came from, or from a backup"


class LMZError(Exception):
    """Base of all errors of this package. A message has three parts, each an attribute.

    `what` happened, `why`, and what to do about it (`remedy`).
    """

    exit_status = 2
    """Exit status of the command when this error ends it."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(what, why, remedy)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.remedy}"


class FormatError(LMZError):
    """The data are no lmz archive, or hold values that no lmzip writes."""


class CorruptError(LMZError):
    """The archive is damaged: a checksum, or the order of its parts, is wrong."""


class TruncatedError(CorruptError, EOFError):
    """The archive stops before its end."""


class UnsupportedError(LMZError):
    """The archive is sound, but of a format version, level or code that this lmzip has not."""


class AfterError(LMZError):
    """The archive needs data that the model reads first (`after`), or such data for nothing."""

    exit_status = 1


class OtherDataError(AfterError):
    """The model is to read other data first than it did when the archive was made."""

    exit_status = 2


class PriorError(LMZError):
    """The prior that is needed is missing, damaged, or made for another code or level."""


class LimitError(LMZError):
    """The archive's level needs more memory than the caller allows."""

    exit_status = 1


class MismatchError(LMZError):
    """The stored bytes are sound, but this machine computes other probabilities from them."""

    exit_status = 1


class EngineError(LMZError):
    """The asked-for engine is unknown, not installed, or not exact on this machine."""

    exit_status = 1


class BrokenError(LMZError, ValueError):
    """An earlier call into the object was broken off halfway, so that it can do no more."""

    exit_status = 1


class WorkerError(LMZError):
    """A process that was to code or decode frames has ended before it did."""

    exit_status = 1


class RefusedError(LMZError):
    """The command declines to do something that is probably a mistake, such as overwriting."""

    exit_status = 1


class PaddingWarning(UserWarning):
    """Zero bytes behind an archive, which tapes and block devices add, were ignored."""


class TableWarning(UserWarning):
    """The table that frames end in is damaged or missing: they can still be read one by one."""
