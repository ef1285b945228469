"""Sections 6.7 to 6.9 of docs/FORMAT.md: a bit predicted from the memory, and learned."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from reference import constants
from reference.arithmetic import (
    TOP,
    Cell,
    bounded,
    clamp,
    flat,
    histories,
    mix,
    share,
    squash,
    stretch,
)
from reference.first_values import WIDEST, first_weights
from reference.memory import Memory
from reference.prior import Prior, add_to_mixer
from reference.samples import Samples


class Mixer:
    """One set of weights: integers in units of 2^-16, the rows made when they are first used."""

    def __init__(self, rows: dict[int, np.ndarray], uses: int, rates: tuple[int, int, int]) -> None:
        self.rows = rows
        self.uses: dict[int, int] = defaultdict(lambda: uses)
        self.rates = rates

    def mixed(self, inputs: np.ndarray, row: int) -> int:
        """The stretch that a row of weights makes of the inputs."""
        self.inputs, self.row = inputs, row
        if missing := len(inputs) - len(self.rows[row]):  # no file holds those of samples
            self.rows[row] = np.append(self.rows[row], [constants.SAMPLE_WEIGHT] * missing)
        s = bounded(int((inputs * self.rows[row] >> 8).sum()) >> 8)
        self.p = squash(s)
        return s

    def learn(self, bit: int) -> None:
        least, more, fall = self.rates
        rate = least + more * fall // (fall + self.uses[self.row])
        e = (bit * TOP - self.p) * rate >> 14
        weights = self.rows[self.row] + (self.inputs * e + (1 << 15) >> 16)
        self.rows[self.row] = np.minimum(np.maximum(weights, -WIDEST), WIDEST)
        self.uses[self.row] = min(self.uses[self.row] + 1, 1 << 20)


def _history_cell(state: int) -> Cell:
    no, yes = histories()[0][state]
    return Cell(share(10 * yes + 4, 10 * (no + yes) + 8), min(2 * (no + yes), 30))


def _run_cell(length: int, expected: int) -> Cell:
    return Cell(share(2 * length + 1 if expected else 1, 2 * length + 2))


def _match_cell(length: int, misses: int, expected: int) -> Cell:
    odd = share(1, length + 3) if misses == 0 else share(3, 10)
    return Cell(TOP - odd if expected else odd)


class _Cells(dict):
    """Cells that are made by `make(*key)` when they are first used."""

    def __init__(self, make) -> None:
        self.make = make

    def __missing__(self, key):
        cell = self[key] = self.make(*key)
        return cell


def formula(level: constants.Level) -> tuple[list[dict], list[dict]]:
    """First weights of an archive from scratch: all rows are alike."""
    first = [
        *[w // level.contexts for w in constants.CONTEXT_WEIGHTS] * level.contexts,
        *[constants.OTHER_WEIGHT] * (2 * 4 + 1 + 2 * 2),
        *constants.TRANSFORMER_WEIGHTS,
        constants.TOTAL_WEIGHT // level.contexts,
        0,
    ]
    final = [65536 // level.sets] * level.sets + [0, 0, 0, 0]
    return _alike(first, level.sets), _alike(final, min(level.sets + 1, 8))


def _alike(row: list[int], count: int) -> list[dict]:
    return [defaultdict(lambda: np.array(row, np.int64)) for _ in range(count)]


class LastStage:
    """Predicts bits and learns them. `first_size`: bytes of the archive's first block, and of what
    is read before it."""

    def __init__(
        self,
        level: constants.Level,
        first_size: int,
        scratch: bool = False,
        prior: Prior | None = None,
    ) -> None:
        self.memory = Memory(level, first_size)
        self.history_cells = _Cells(lambda i, state: _history_cell(state))
        self.run_cells = _Cells(lambda i, length, e: _run_cell(length, e))
        self.match_cells = _Cells(lambda i, length, misses, e: _match_cell(length, misses, e))
        self.order0 = _Cells(lambda partial: Cell())
        self.maps = _Cells(lambda k, row, j: Cell(squash(192 * j - 2976), constants.MAP_COUNT))
        many = int(level.contexts > 31)
        rates = constants.RATE[many], constants.FALLING_RATE[many], constants.FALL
        sets, finals = formula(level) if scratch else first_weights(level)
        uses = 0 if scratch else constants.LEARNED_USES
        if prior is not None:
            add_to_mixer(prior, level, sets, finals)
        self.sets = [Mixer(rows, uses, rates) for rows in sets]
        rate = level.rates[2] if level.rates else constants.FINAL_RATE[many]
        rates = rate, constants.FINAL_FALLING_RATE[many], constants.FINAL_FALL
        self.finals = [Mixer(rows, uses // 2, rates) for rows in finals]

    def _inputs(self, ahead: int, ahead_flat: int) -> np.ndarray:
        """Section 6.7. Notes what the rows are chosen by, and the cells that are to learn."""
        memory = self.memory
        self.used: list[tuple[Cell, int]] = []

        def use(cell: Cell, limit: int) -> tuple[int, int]:
            self.used.append((cell, limit))
            return stretch(cell.p >> 6), flat(cell.p >> 6)

        inputs: list[int] = []
        known = []
        self.seen = self.order2 = 0
        expecting = [0, 0]
        for i, (slot, run) in enumerate(zip(memory.slots, memory.runs, strict=True)):
            a = b = c = 0
            state = slot.histories[memory.node]
            if state > 0:
                a, b = use(self.history_cells[i, state], constants.STATE_LIMIT)
                known.append(i)
                self.seen += i < 6
            if i == 1:
                self.order2 = a
            if run.run_length > 0 and memory.agrees(run.run_byte):
                e = memory.expected_bit(run.run_byte)
                cell = self.run_cells[i, min(run.run_length, 31), e]
                c = use(cell, constants.RUN_LIMIT)[0]
                expecting[e] += 1
            inputs += a, b, c
        self.agree, self.differ = max(expecting), min(expecting)
        total = sum(inputs[3 * i] for i in known)
        mean = total // max(len(known), 1)
        for i in known:
            inputs[3 * i] = bounded(2 * (inputs[3 * i] - mean))
        for row in memory.direct:
            cell = row[memory.node]
            k = min(cell.n, 31)
            inputs += [x * k // (k + 2) for x in use(cell, constants.DIRECT_LIMIT)]
        inputs.append(use(self.order0[(memory.partial,)], constants.RUN_LIMIT)[0])
        self.best = self.expected = 0
        for i, match in enumerate(memory.matches):
            byte = memory.byte(match.at)
            if match.at > 0 and memory.agrees(byte):
                key = i, match.length_class, min(match.misses, 3), memory.expected_bit(byte)
                inputs += use(self.match_cells[key], constants.MATCH_LIMIT)
                if self.best == 0:
                    self.best, self.expected = 1 + match.length_class, byte + 1
            else:
                inputs += 0, 0
        inputs += ahead, ahead_flat, bounded(total >> 3), 256
        self.aimed: list[tuple[Cell, int]] = []
        if memory.samples is not None:
            inputs += self._further(memory.samples)
        return np.array(inputs, np.int64)

    def _further(self, samples: Samples) -> list[int]:
        """What is told of samples, or else of an operand."""
        if samples.step or not self.memory.operands.start:
            return samples.told()
        told = [0, 0]
        for i, found in enumerate(self.memory.operands.cells_of()):
            if found is not None:
                cell, expected = found
                told[i] = stretch(cell.p >> 6) if expected else -stretch(cell.p >> 6)
                self.aimed.append(found)
        return told

    def _rows(self, ahead: int) -> list[int]:
        """Section 6.8: the row of each set."""
        m, bit = self.memory, self.memory.bit
        if m.period > 0:
            record = 256 + 8 * (m.position % m.period & 127) + bit
        else:
            record = 8 * min(m.field, 31) + bit
        return [
            8 * self.best + bit,
            m.partial,
            8 * (m.told & 0xFF) + bit,
            64 * min(m.letters, 15) + 8 * self.seen + bit,
            8 * ((ahead + 3072) >> 8) + bit,
            record,
            m.last4 >> 8 & 0xFF,
            64 * min(m.letters, 7) + 8 * (m.classes & 7) + bit,
            8 * self.expected + bit,
            8 * ((self.order2 + 3072) >> 8) + bit,
            8 * (m.classes & 0x1FF) + bit,
            64 * min(self.agree, 12) + 8 * min(self.differ, 7) + bit,
            8 * (m.told >> 16 if m.sampled else mix(m.word, 7) & 0xFF) + bit,
            8 * (m.told >> 8 & 0xFF if m.sampled else min(m.position - m.line, 255)) + bit,
            8 * (mix(m.word1, m.letters) & 0xFF) + bit,
            *(m.slots[i].histories[m.node] for i in (1, 2, 6, 3)),
        ][: len(self.sets)]

    def _final_rows(self) -> list[int]:
        """Section 6.8: the row of each final mixer."""
        m, bit = self.memory, self.memory.bit
        return [
            m.partial,
            8 * self.best + bit,
            8 * (m.told & 0xFF) + bit,
            8 * (m.classes & 0x3F) + bit,
            8 * (mix(m.word, 7) & 0xFF) + bit,
            8 * self.expected + bit,
            *(m.slots[i].histories[m.node] for i in (1, 2)),
        ][: len(self.finals)]

    def predict(self, transformer_p: int) -> int:
        """P(1) in 22 bits, given the transformer's."""
        m = self.memory
        ahead = stretch(transformer_p >> 6)
        inputs = self._inputs(ahead, flat(transformer_p >> 6))
        rows = zip(self.sets, self._rows(ahead), strict=True)
        others, samples = (inputs, []) if m.samples is None else (inputs[:-2], inputs[-2:])
        *_, match, _, _, _, transformer, _, together, bias = others
        said = [s.mixed(inputs, row) for s, row in rows]
        inputs = np.array([*said, transformer, match, together, bias, *samples], np.int64)
        finals = zip(self.finals, self._final_rows(), strict=True)
        s = sum(f.mixed(inputs, row) for f, row in finals) // len(self.finals)
        u = clamp(s, -2976, 2975) + 2976
        j, r = u // 192, u % 192
        rows = [
            m.partial + 256 * (m.told & 0xFF),
            mix(m.told & 0xFFFF, m.partial) & 0xFFFF,
            mix(self.expected, m.partial + 256 * self.best) & 0xFFFF,
            mix(m.told, m.partial) & 0xFFFF,
        ][: 2 if len(self.sets) < 6 else 4]
        p = 2 * squash(s)
        for k, row in enumerate(rows):
            low, high = self.maps[k, row, j], self.maps[k, row, j + 1]
            p += (low.p * (192 - r) + high.p * r) // (32 * len(rows))
            self.used.append((high if r > 96 else low, constants.MAP_LIMIT))
        return clamp(p >> 3, 32, TOP - 32)

    def learn(self, bit: int) -> None:
        """Section 6.9, but for the histories."""
        for mixer in (*self.sets, *self.finals):
            mixer.learn(bit)
        for cell, limit in self.used:
            cell.adapt(bit, limit)
        for cell, expected in self.aimed:
            cell.adapt(int(bit == expected), constants.MATCH_LIMIT)
