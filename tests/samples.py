"""Small records of one kind, and a prior that was learned from some of them."""

from __future__ import annotations

from functools import cache

from differences import differences
from make_golden import WORDS, Dice

import lmzip
from lmzip.codec.learned.prior import NONE, Differences
from lmzip.codec.levels import PRESETS
from lmzip.priors.packing import parts, with_mixer
from lmzip.priors.samples import chosen_text
from lmzip.priors.training import Fold, Learner, Trained, train

LEVEL = 1


def records(count: int, seed: int = 1) -> list[bytes]:
    """Such as a program writes, about 190 bytes each."""
    dice = Dice(seed)

    def words() -> str:
        return " ".join(dice.pick(*WORDS) for _ in range(4 + dice.below(9)))

    def record(number: int) -> str:
        name = dice.pick("anna", "bertil", "cecilia", "david")
        place = dice.pick("Bergen", "Oslo", "Bodo", "Tromso")
        state = dice.pick("open", "closed", "waiting")
        return (
            f'{{"identifier": {7000 + dice.below(900)}, "customer": "{name}", "state": "{state}", '
            f'"delivered_to": "{place}", "items": [{dice.below(30)}, {dice.below(30)}], '
            f'"number": {number}, "note": "{words()}"}}\n'
        )

    return [record(number).encode() for number in range(count)]


@cache
def trained() -> Trained:
    """A prior of at most 8,000 bytes, learned from 60 records, and what it is worth."""
    return train(records(60), LEVEL, size=8000, text_size=1000)


@cache
def prior() -> lmzip.Prior:
    """What was learned from 40 records, and a text: all parts, whether all are worth it or not."""
    return learned_from(records(40), 6000)


@cache
def other() -> lmzip.Prior:
    """Another one."""
    return learned_from(records(12, seed=5), 3000)


def learned_from(samples: list[bytes], size: int) -> lmzip.Prior:
    """The network's differences are by chance, as what it learns is not the same on every machine,
    and golden archives begin with this."""
    text = chosen_text(samples, 500)
    learned = Learner(LEVEL, [Fold(text, samples)], NONE, None).read_all(1, lambda done: None)
    _, network = differences(PRESETS[LEVEL], 2.0**-6, 1, largest=1)
    return lmzip.Prior(with_mixer(parts(LEVEL, Differences(network), text), learned, size).pack())


NEW = b"".join(records(2, seed=77))
"""What no prior was learned from."""
