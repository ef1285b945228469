"""A model under training, whose memory begins every sample as it was behind the prior's text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lmzip.arrays import np
from lmzip.codec.coder.bit_coder import empty_bits
from lmzip.codec.engine import make_engine
from lmzip.codec.learned.prior import NONE, Differences
from lmzip.codec.levels import BLOCK_SIZE
from lmzip.codec.loop import Codec
from lmzip.codec.native.structs import Struct
from lmzip.codec.transformer.kernels.engine import CpuEngine


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

    def __init__(self, level: int, room: int, threads: int | None = None) -> None:
        self._new = partial(new_model, level, threads=threads)
        self._room = min(room, BLOCK_SIZE)
        self._text: bytes | None = None
        self.model = self._new(b"", self._room)
        self.first = empty_bits(self.model.preset, 1).mixer
        self.first_tensors = {name: w.copy() for name, w in tensors_of(self.model).items()}

    def stand_behind(self, text: bytes) -> None:
        """Read samples behind this text from now on."""
        if text == self._text:
            return
        self._text = text
        read = self._new(text, self._room - len(text))
        assert read.bits is not None
        self._read = read.bits.memory, read.foresight
        cells = engine_of(read).state.slots.cells
        (self._places,) = cells.any(axis=1).nonzero()
        self._slots = cells[self._places]

    def read(self, samples: list[bytes]) -> None:
        """Learn from samples, the first of which stands behind the text."""
        assert self.model.bits is not None
        for struct, read in zip(
            (self.model.bits.memory, self.model.foresight), self._read, strict=True
        ):
            for array, kept in zip(_arrays_of(struct), _arrays_of(read), strict=True):
                np.copyto(array, kept)
        cells = engine_of(self.model).state.slots.cells
        cells.fill(0)
        cells[self._places] = self._slots
        for sample in samples:
            self.model.encode(sample)


class Kept:
    """A model that is put back to what it was, again and again: quicker than copies of it."""

    def __init__(self, model: Codec) -> None:
        self._model = model
        self._steps = vars(engine_of(model).steps).copy()
        self._arrays = [array.copy() for array in _arrays_of_model(model)]

    def put_back(self) -> Codec:
        """The model as it was."""
        for array, kept in zip(_arrays_of_model(self._model), self._arrays, strict=True):
            np.copyto(array, kept)
        vars(engine_of(self._model).steps).update(self._steps)
        return self._model


def tensors_of(model: Codec) -> dict[str, np.ndarray]:
    """The tensors that go on learning, by name, in the order of `learned_names`."""
    learner, preset = engine_of(model).learner, model.preset
    found = {}
    for i in range(preset.learning):
        layer = preset.layers - preset.learning + i
        found[f"{layer}.up"], found[f"{layer}.down"] = learner.up.w[i], learner.down.w[i]
    found["head"] = learner.head.w[0]
    if preset.log_slots > 0:
        found["table"] = learner.table
    return found


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
