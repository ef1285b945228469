"""Numbers of bytes among the options: sizes, frames, parts of the data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import click

from lmzip.frames.sizes import check_frame_size

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Memory(click.ParamType):
    """A number of bytes, such as 800M or 1.5GiB; units are powers of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE)
        if match is None:
            self.fail(f"{value!r} is no size such as 800M or 1.5G", param, ctx)
        return int(float(match[1]) * _UNITS[match[2].upper()])


class FrameSize(Memory):
    """Bytes of a frame."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return check_frame_size(super().convert(value, param, ctx))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class Part:
    """Bytes of the data from `start` on, before `stop`; None for the end."""

    start: int
    stop: int | None


class PartOfData(click.ParamType):
    """START:STOP, or START:+SIZE: bytes of data, units being powers of 1024."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Part:
        if isinstance(value, Part):
            return value
        match = re.fullmatch(r"([^:+]*):(\+?)([^:+]*)", value.strip())
        if match is None or (match[2] and not match[3]):
            self.fail(f"{value!r} is no range such as 10M:+64K, 10M:11M or 10M:", param, ctx)
        size = Memory()
        start = size.convert(match[1] or "0", param, ctx)
        stop = size.convert(match[3], param, ctx) if match[3] else None
        if match[2] and stop is not None:
            stop += start
        if stop is not None and stop < start:
            self.fail(f"{value!r} ends before it begins", param, ctx)
        return Part(start, stop)
