"""Section 6.4.1 of docs/FORMAT.md: bytes that are samples, and the contexts that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference.arithmetic import clamp, mix, stretch
from reference.prediction import Prediction

if TYPE_CHECKING:
    from reference.memory import Memory

STEPS = (1, 2, 3, 4, 6, 8)


def _faded(before: int, now: int) -> int:
    return before // 2 + now if before > 0 else 2 * now


class Samples:
    """What is known of the layout of the bytes in a memory, and of the next sample."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.no_text = self.pending = self.mean = 0
        self.unlike = [0] * 8192
        self.grid = self.found = self.used = (0, 1, 0, 0)
        """step, bytes of a sample (-2: two, the higher first), align, width; step 0: no samples"""
        self.prediction = Prediction(self)

    @property
    def step(self) -> int:
        return self.grid[0]

    @property
    def size(self) -> int:
        return abs(self.grid[1])

    @property
    def begins(self) -> bool:
        """Whether the next byte is the first of a sample."""
        return self.size == 1 or (self.memory.position - self.grid[2]) % 2 == 0

    def note(self, c: int) -> None:
        """Byte c has been noted by all else."""
        self._count(c)
        position = self.memory.position
        if self.step and self.begins:
            self.prediction.learn()
        measured = position % (1024 if position < 16384 else 8192) == 0
        if measured:
            self._measure()
        if self.step and (self.begins or measured):
            self.prediction.predict()

    def _count(self, c: int) -> None:
        odd = c < 9 or 13 < c < 32 or c == 127 or 192 <= c < 194 or c > 244
        if 128 <= c < 192:
            odd = self.pending == 0
            self.pending = max(self.pending - 1, 0)
        else:
            odd = odd or self.pending > 0
            self.pending = 0
            if c >= 192 and not odd:
                self.pending = 1 + (c >= 224) + (c >= 240)
        self.no_text = min(self.no_text + 3, 4095) if odd else max(self.no_text - 1, 0)

    def _compare(self, n: int, d: int) -> int:
        byte, end = self.memory.byte, self.memory.position
        return sum(abs(byte(i) - byte(i - d)) for i in range(end - n, end)) * 64 // n

    def _again(self, n: int, d: int) -> int:
        self.unlike[d] = _faded(self.unlike[d], self._compare(n, d))
        return self.unlike[d]

    def _measure(self) -> None:
        n = min(2048, self.memory.position // 2)
        far = min(8192, self.memory.position - n)
        lags = range(60, far, 61)
        self.mean = _faded(self.mean, sum(self._compare(n, d) for d in lags) // len(lags))
        for d in range(1, 9):
            self._again(n, d)
        step = 1
        for d in STEPS:
            if self.unlike[d] * 20 < self.unlike[step] * 19:
                step = d
        if self.mean < 128:
            return
        found = self._look(n, far, step)
        if found[0] == 0:
            self.grid = (0, *self.grid[1:3], 0)
        elif found == self.found:
            self.grid = found
            if found != self.used:
                self.used = found
                self.prediction.start_over()
        self.found = found

    def _look(self, n: int, far: int, step: int) -> tuple[int, int, int, int]:
        none, unlike, mean = (0, 1, 0, 0), self.unlike, self.mean
        smooth = unlike[step] * 20 < mean * (11 if self.no_text > 500 else 5)
        if not smooth and self.no_text <= 500:
            return none
        words = self._words(n, far)
        if words is not None:
            step = words[0]
        known = self.grid[3] > 0
        if known:
            width = self.grid[3]
            for d in (width - step, width, width + step):
                self._again(n, d)
        else:
            width = 64
            for d in range(64, far):
                if self._again(n, d) < unlike[width]:
                    width = d
        if not smooth and words is None:
            period = self.memory.period
            if 8 < period < width and width % period == 0:
                return none
            if unlike[width] * 3 >= unlike[step] * 2:
                return none
            step = 1
        here = unlike[width]
        if not (
            64 + step <= width < far - step
            and here * 12 > unlike[step]
            and here * 10 < mean * (7 if known else 5)
            and here * 3 < unlike[step] * (4 + 3 * known + (here * 4 < mean))
            and here < min(unlike[width - step], unlike[width + step])
        ):
            width = 0
        if words is not None:
            return *words, width if width % 2 == 0 else 0
        even = unlike[step] * 25 < mean * (11 if self.step else 9)
        if width == 0 and not (smooth and even):
            return none
        return step, 1, 0, width

    def _words(self, n: int, far: int) -> tuple[int, int, int] | None:
        """step, size and align of samples of two bytes."""
        byte, start, end = self.memory.byte, self.memory.position - n + 2, self.memory.position - 2

        def apart(d: int, high: int, low: int = -1, remainder: int = 0, modulus: int = 2) -> int:
            def word(i: int) -> int:
                return 256 * (byte(i) ^ 128) + byte(i + low)

            places = (i for i in range(start, end) if i % modulus == (high + remainder) % modulus)
            return sum(abs(word(i) - word(i - d)) for i in places)

        def far_apart(high: int) -> int:
            return sum(apart(far * k // 5 // 8 * 8, high) for k in (1, 2, 3, 4))

        near = [min(apart(2, high), apart(4, high)) for high in (0, 1)]
        high = 0 if near[0] < near[1] else 1
        least, most = sorted(near)
        rough = most * 40 >= far_apart(1 - high) * 7
        still = least * 4 <= min(most, self.mean * n)
        known = self.step > 0 and self.size == 2
        if least * 2 >= most or not (rough or still):
            return None
        if least * 40 >= far_apart(high) * (12 if known else 5):
            return None
        one, other = (apart(2, high, -1, remainder, 4) for remainder in (0, 2))
        more = apart(4, high) * 10 < (one + other) * (12 if self.step == 4 else 9)
        step = 4 if more or max(one, other) * 3 > min(one, other) * 4 else 2
        before, behind = apart(step, high, -1), apart(step, high, 1)
        if before * (33 - high) < behind * (32 + high):
            return step, 2, 1 - high
        return step, -2, high

    def sample(self, back: int) -> int:
        byte, place = self.memory.byte, self.memory.position - back
        if self.size == 1:
            return byte(place)
        if not self.begins:
            place -= 1
        low, high = byte(place), byte(place + 1)
        if self.grid[1] < 0:
            low, high = high, low
        return low + 256 * (high ^ 128)

    def bounded(self, x: int, unit: int = 1) -> int:
        return clamp(x, 0, (255 if self.size == 1 else 65535) * unit)

    def expected(self, x: int) -> int:
        """The next byte, if the sample is x."""
        x, last = self.bounded(x), self.memory.last4 & 0xFF
        if self.size == 1:
            return x
        if self.grid[1] > 0:
            return x & 255 if self.begins else clamp((x - last + 128) >> 8, 0, 255) ^ 128
        return x >> 8 ^ 128 if self.begins else clamp(x - 256 * (last ^ 128), 0, 255)

    def about(self, i: int, x: int) -> int:
        """Hash i of what a prediction x says of the next byte."""
        x, last = self.bounded(x), self.memory.last4 & 0xFF
        if self.size == 1:
            told = x
        elif self.grid[1] > 0 and self.begins:
            told = x & 255
        elif self.grid[1] > 0:
            high = (x - last + 128) >> 8
            told = (high & 255) + 256 * ((256 * high + last - x) >> 4 & 15)
        elif self.begins:
            told = x >> 5
        else:
            told = 256 + clamp(x - 256 * (last ^ 128), -256, 511)
        return mix(i, self.memory.position % self.step, told)

    def contexts(self) -> tuple[dict[int, int], int]:
        """Number -> hash, of the contexts that are others; and `told`."""
        near = self.prediction.near
        self.expected_bytes = self.prediction.expect()
        linear = (self.prediction.predicted + 8) >> 4
        if self.grid[3]:
            line = near[0] + near[1] - near[2]
            hashes = self._in_a_plane(linear, line)
        else:
            line = 2 * near[0] - near[1]
            hashes = self._in_a_line(linear, line)
        told = self.expected(linear), self.expected(line), self.memory.last4 & 0xFF
        return hashes, int.from_bytes(bytes(told), "little")

    def told(self) -> list[int]:
        """What the distributions say of the next bit; 0 if the bytes are no samples."""
        if not self.step:
            return [0, 0]
        memory, told = self.memory, []
        for weights in self.expected_bytes:
            agreeing = [c for c in range(256) if memory.agrees(c)]
            ones = sum(weights[c] for c in agreeing if memory.expected_bit(c))
            told.append(stretch(min((ones << 16) // sum(weights[c] for c in agreeing), 65535)))
        return told

    def _in_a_line(self, linear: int, line: int) -> dict[int, int]:
        about, phase, near = self.about, self.memory.position % self.step, self.prediction.near
        w, ww, www = near[:3]
        o, ow = near[20:22] if self.step > self.size else near[:2]
        other, w8, ww8, www8 = (self._short(x) for x in (o, w, ww, www))
        activity = 8 * self._bits(w - ww) + self._bits(ww - www)
        return {
            6: about(161, linear),
            7: about(162, line),
            22: about(163, w),
            23: about(164, 3 * (w - ww) + www),
            24: about(165, w + o - ow),
            28: mix(about(166, linear), activity),
            29: mix(about(167, linear), other),
            30: mix(about(168, line), activity),
            31: mix(about(169, w), other),
            32: mix(about(170, linear), w8),
            33: mix(171, self._fine(), phase),
            34: mix(172, (w8 >> 2) + 256 * (ww8 >> 2), (www8 >> 2) + 256 * phase),
        }

    def _in_a_plane(self, linear: int, plane: int) -> dict[int, int]:
        about, phase, near = self.about, self.memory.position % self.step, self.prediction.near
        w, n, nw, ne = near[:4]
        activity = 8 * self._bits(w - nw) + self._bits(n - nw)
        turn = 8 * self._bits(w - n) + self._bits(n - ne)
        if self.step > self.size:
            o, on, ow, onw = near[11:15]
            three = n + o - on, w + o - ow, plane + o - ow - on + onw
        else:
            o = ne
            three = (
                (3 * (w + n) - 2 * nw) >> 2,
                clamp(plane, min(w, n), max(w, n)),
                w + ((ne - n) >> 1),
            )
        o8, w8, n8 = self._short(o), self._short(w), self._short(n)
        return {
            6: about(131, linear),
            7: about(132, plane),
            9: about(133, three[0]),
            10: about(134, three[1]),
            13: about(135, three[2]),
            15: about(136, n + ne - near[6]),
            18: mix(about(137, linear), activity),
            22: mix(about(138, linear), o8),
            23: mix(about(139, plane), activity),
            24: mix(about(140, w), n8),
            28: mix(about(141, w), o8),
            29: mix(about(142, n), o8),
            30: about(143, (w + ne) >> 1),
            31: mix(144, self._fine(), phase),
            32: mix(about(145, linear), turn),
            33: mix(146, (w8 >> 2) + 256 * (n8 >> 2), (o8 >> 2) + 256 * phase),
            34: about(147, 2 * n - near[5]),
            35: about(148, 2 * w - near[4]),
            36: about(149, n),
            37: about(150, w),
        }

    def _short(self, x: int) -> int:
        return x if self.size == 1 else x >> 6

    def _bits(self, x: int) -> int:
        return min(abs(self._short(x)).bit_length(), 7)

    def _fine(self) -> int:
        return self.prediction.predicted >> (2 if self.size == 1 else 4)
