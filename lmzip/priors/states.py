"""A model under training, whose memory begins every sample as it was behind the prior's text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from lmzip.arrays import np
from lmzip.codec.coder.bit_coder import empty_bits
from lmzip.codec.engine import make_engine
from lmzip.codec.foresight.expect import look_ahead
from lmzip.codec.foresight.tables import ASKED, SIZE
from lmzip.codec.learned.prior import NONE, Differences
from lmzip.codec.levels import BLOCK_SIZE
from lmzip.codec.loop import Codec
from lmzip.codec.native.structs import Struct
from lmzip.codec.transformer.kernels.engine import CpuEngine, read_segment
from lmzip.priors.network import Examples, joined


def new_model(
    level: int, text: bytes, room: int, *, prior: Differences = NONE, threads: int | None = None
) -> Codec:
    """A model that has read a text, with memory for `room` bytes more.

    Raises EngineError without Numba: training reads and sets what the compiled kernels keep.
    """
    model = Codec(level, prior=prior, threads=threads)
    if not isinstance(model.engine, CpuEngine):
        model.engine = make_engine(model.preset, "cpu", threads, prior.network)
    model.read(text, room)
    return model


def engine_of(model: Codec) -> CpuEngine:
    """Its engine, which is that of the compiled kernels."""
    assert isinstance(model.engine, CpuEngine)
    return model.engine


class Learning:
    """A model that reads sample after sample: weights go on, memory and slots are put back.

    `room`: bytes of a text and of a sample behind it, at most.
    """

    def __init__(
        self, level: int, room: int, prior: Differences = NONE, threads: int | None = None
    ) -> None:
        self._new = partial(new_model, level, prior=prior, threads=threads)
        self._room = min(room, BLOCK_SIZE)
        self._text: bytes | None = None
        self.model = self._new(b"", self._room)
        self.first = empty_bits(self.model.preset, 1, prior).mixer

    def stand_behind(self, text: bytes) -> None:
        """Read samples behind this text from now on."""
        if text == self._text:
            return
        self._text = text
        read = self._new(text, self._room - len(text))
        assert read.bits is not None
        self._memory, self._foresight = read.bits.memory, read.foresight
        cells = engine_of(read).state.slots.cells
        (self._places,) = cells.any(axis=1).nonzero()
        self._slots = cells[self._places]

    def read(self, samples: list[bytes]) -> None:
        """Learn from samples, the first of which stands behind the text."""
        assert self.model.bits is not None
        _put_back(_arrays_of(self.model.bits.memory), _arrays_of(self._memory))
        self._begin()
        for sample in samples:
            self.model.encode(sample)

    def look_at(self, samples: list[bytes]) -> list[Examples]:
        """What the transformer is shown of each of samples, the first of which stands behind the
        text; nothing is predicted, and nothing is learned."""
        self._begin()
        return [self._examples(np.frombuffer(sample, np.uint8).copy()) for sample in samples]

    def _examples(self, text: np.ndarray) -> Examples:
        engine, foresight = engine_of(self.model), self.model.foresight
        engine.start_block()
        state, found, number, start = engine.state, [], 0, 0
        chance, expected = np.zeros(len(text), np.int32), np.zeros(len(text), np.int16)
        while start < len(text):
            look_ahead(foresight, number, text[start:], chance[start:], expected[start:])
            part = slice(start, start + int(foresight.at[SIZE]))
            read_segment(state, number, text[part], expected[part])
            asked = int(foresight.at[ASKED])
            first, slots = number % 2 * self.model.preset.segment, state.slots
            here = slice(first, first + asked)
            found.append(
                Examples(
                    tokens=slots.tokens[here].astype(np.int16),
                    candidates=slots.candidates[here].copy(),
                    classes=slots.classes[here].copy(),
                    totals=slots.totals[here].copy(),
                    text=foresight.asked[number & 1][:asked].astype(np.int16),
                )
            )
            start, number = part.stop, number + 1
        return joined(found)

    def _begin(self) -> None:
        """Foresight and slots are as they were behind the text."""
        _put_back(_arrays_of(self.model.foresight), _arrays_of(self._foresight))
        cells = engine_of(self.model).state.slots.cells
        cells.fill(0)
        cells[self._places] = self._slots


def _put_back(arrays: Iterable[np.ndarray], kept: Iterable[np.ndarray]) -> None:
    for array, before in zip(arrays, kept, strict=True):
        np.copyto(array, before)


class Kept:
    """A model that is put back to what it was, again and again: quicker than copies of it."""

    def __init__(self, model: Codec) -> None:
        self._model = model
        self._steps = vars(engine_of(model).steps).copy()
        self._arrays = [array.copy() for array in _arrays_of_model(model)]

    def put_back(self) -> Codec:
        """The model as it was."""
        _put_back(_arrays_of_model(self._model), self._arrays)
        vars(engine_of(self._model).steps).update(self._steps)
        return self._model


def _arrays_of_model(model: Codec) -> Iterator[np.ndarray]:
    assert model.bits is not None
    engine = engine_of(model)
    for struct in (engine.state, engine.learner, model.bits, model.foresight):
        yield from _arrays_of(struct)


def _arrays_of(value: Struct | np.ndarray) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    else:
        for part in value.__getstate__().values():
            yield from _arrays_of(part)
