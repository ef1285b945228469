"""Names that stand for descriptors: /dev/stdout, and what shells make of <(...) and >(...)."""

from __future__ import annotations

import os
import re

_STANDARD = {"stdin": 0, "stdout": 1, "stderr": 2}
_NAME = re.compile(r"/dev/(std\w+)|(?:/dev|/proc/(self|thread-self|\d+))/fd/(\d{1,9})")
_LINKS = 40
"""Symbolic links in a row, at most, as in Linux."""


def descriptor(name: str) -> int | None:
    """The descriptor of this process that a name stands for, None if it is a file's.

    What is opened anew by such a name would be read from its start and written over, and a
    socket cannot be: therefore descriptors are duplicated.
    """
    if os.name != "posix":
        return None
    for _ in range(_LINKS):
        name = os.path.normpath(name)
        match = _NAME.fullmatch(name)
        if match is not None:
            standard, process, number = match.groups()
            if standard is not None:
                return _STANDARD.get(standard)
            own = process in (None, "self", "thread-self", str(os.getpid()))
            return int(number) if own else None
        try:
            name = os.path.join(os.path.dirname(name), os.readlink(name))
        except OSError:  # no link
            return None
    return None
