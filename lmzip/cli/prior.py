"""The prior that a command is given, and where others are looked for: --prior, LMZIP_PRIOR."""

from __future__ import annotations

import os
from dataclasses import replace

from lmzip.cli.inputs import Input
from lmzip.cli.options import Settings
from lmzip.cli.report import Console, about
from lmzip.codec.levels import DEFAULT_LEVEL
from lmzip.errors import PriorError
from lmzip.known import Known
from lmzip.names import shown
from lmzip.prior import Prior, checked_level


def read_prior(settings: Settings, console: Console) -> Prior | None:
    """The prior that --prior or LMZIP_PRIOR names. Raises OSError, PriorError, which name it."""
    name = settings.chosen_prior()
    if name is None:
        return None
    try:
        with about(name):
            prior = Prior.load(name)
    except PriorError as error:
        raise PriorError(f"{shown(name)}: {error.what}", error.why, error.remedy) from error
    console.note(
        f"--prior: {shown(name)}, {prior.size:,} bytes, level {prior.level}, {prior.name}", least=2
    )
    return prior


def beginning(settings: Settings, console: Console) -> tuple[Prior | None, int]:
    """The prior that is given, and the level, which must be the prior's."""
    prior = read_prior(settings, console)
    level = settings.chosen_level(DEFAULT_LEVEL if prior is None else prior.level)
    return prior, checked_level(level, prior, generation=settings.generation)


def beside(item: Input, known: Known) -> Known:
    """The same for an archive, in whose directory priors are looked for too."""
    place = None if item.is_stdin else os.path.dirname(item.path)
    return replace(known, beside=place)
