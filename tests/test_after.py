"""What both sides have: read first, held by no archive, and asked for by its digest."""

from __future__ import annotations

import hashlib
import io
from array import array
from dataclasses import replace

import pytest
from conftest import noise, prose
from layout import put_together, take_apart
from reading import each_way
from reference.codec import Codec as ReferenceCodec
from reference.constants import LEVELS
from reference_decoder import Damaged, decode

import lmzip
from lmzip import after, container
from lmzip.after import LIMIT, joined, prefix_of
from lmzip.codec import loop, priming
from lmzip.codec.coder.bit_coder import empty_bits
from lmzip.codec.loop import Codec
from lmzip.codec.memory.tables import HISTORY_SIZE
from lmzip.compressor import LMZCompressor
from lmzip.generations import newest, numbered
from lmzip.header import Header
from lmzip.interface import EngineError
from lmzip.salvage import salvage

OLD = noise(400, seed=9) + prose(200, seed=2)
NEW = OLD[100:420] + b", changed"
"""Bytes that only who has OLD can make smaller."""


@pytest.fixture(scope="module")
def new() -> bytes:
    return lmzip.compress(NEW, level=1, after=OLD)


@pytest.fixture(scope="module")
def plain() -> bytes:
    return lmzip.compress(b"plain", level=1)


def test_what_stands_in_it_is_not_held_again(new):
    assert len(new) < 0.4 * len(NEW)
    assert lmzip.decompress(new, after=OLD) == NEW


def test_it_may_be_given_in_pieces(new):
    """In any buffers; they are one text."""
    assert prefix_of([OLD[:7], bytearray(OLD[7:100]), memoryview(OLD)[100:]]) == prefix_of(OLD)
    assert prefix_of((OLD,)) == prefix_of(OLD)
    assert prefix_of(array("H", [1, 2])) == prefix_of(array("H", [1, 2]).tobytes())
    assert prefix_of(memoryview(b"abcdef")[::2]) == prefix_of(b"ace")
    assert lmzip.compress(NEW, level=1, after=[OLD[:7], OLD[7:]]) == new


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_nothing_given_changes_nothing(nothing, plain):
    assert prefix_of(nothing) is None
    assert lmzip.compress(b"plain", level=1, after=nothing) == plain
    assert lmzip.decompress(plain, after=nothing) == b"plain"


def test_no_bytes_are_something_given(plain):
    packed = lmzip.compress(b"plain", level=1, after=b"")
    assert len(packed) == len(plain) + 4
    assert take_apart(packed)[1] == take_apart(plain)[1], "the model begins as it ever does"
    assert lmzip.decompress(packed, after=b"") == lmzip.decompress(packed, after=[b""]) == b"plain"
    with pytest.raises(lmzip.AfterError):
        lmzip.decompress(packed)


@pytest.mark.parametrize("wrong", ["text", 3, [1, 2], [b"a", "b"], {}])
def test_only_bytes_can_be_read(wrong):
    with pytest.raises(TypeError):
        lmzip.compress(b"", after=wrong)


def test_the_digest_is_that_of_the_length_and_the_text(new):
    told = hashlib.sha256(len(OLD).to_bytes(8, "little") + OLD).digest()[:8]
    assert prefix_of(OLD).digest == told and new[10:14] == told[:4]
    assert new[5] == 0xA1, "level 1, after other data, a revision"


def test_of_too_much_the_last_is_read(monkeypatch):
    assert LIMIT == HISTORY_SIZE == 1 << 24, "more than the memory keeps is of no use"
    monkeypatch.setattr(after, "LIMIT", 100)
    for parts in ([OLD], [OLD[:550], OLD[550:]], [OLD[i : i + 30] for i in range(0, 600, 30)]):
        assert (joined(parts).text, joined(parts).left_out) == (OLD[-100:], 500)
    packed = lmzip.compress(NEW, level=1, after=OLD)
    assert lmzip.decompress(packed, after=OLD[-100:]) == NEW


def test_stored_blocks_and_several_blocks(monkeypatch):
    """The model reads when it is first needed: behind a stored block, or never."""
    monkeypatch.setattr(container, "BLOCK_SIZE", 256)
    for data in (noise(256, 5) + OLD[:300], OLD[:600], noise(100, 5), b""):
        packed = lmzip.compress(data, level=1, after=OLD)
        assert lmzip.decompress(packed, after=OLD) == data


def test_an_archive_that_needs_no_model_still_asks_for_it(no_model):
    packed = put_together(Header(1, newest().code, after=prefix_of(OLD).digest), [])
    assert len(packed) == 30
    assert lmzip.decompress(packed, after=OLD) == b""
    with pytest.raises(lmzip.AfterError):
        lmzip.decompress(packed)


def test_what_is_missing_wrong_or_not_needed_is_told_before_the_model_starts(new, plain, no_model):
    assert set(each_way(new, after=None)) == {lmzip.AfterError}
    assert set(each_way(plain, after=OLD)) == {lmzip.AfterError}
    for wrong in (b"", OLD[:-1], OLD + b"\0", OLD[::-1]):
        assert set(each_way(new, after=wrong)) == {lmzip.OtherDataError}
    assert lmzip.AfterError("", "", "").exit_status == 1
    assert lmzip.OtherDataError("", "", "").exit_status == 2


def test_the_messages_say_what_to_do(new, plain):
    digest = prefix_of(OLD).digest[:4].hex()
    with pytest.raises(lmzip.AfterError, match=f"{digest}, and none are given; give the same"):
        lmzip.decompress(new)
    with pytest.raises(lmzip.AfterError, match=r"600 bytes are given .*; leave out --after"):
        lmzip.decompress(plain, after=OLD)
    with pytest.raises(lmzip.OtherDataError, match=f"{digest}, that of the 3 bytes given is"):
        lmzip.decompress(new, after=b"old")


def test_every_way_of_reading_gives_the_data(new):
    assert each_way(new, after=OLD) == [NEW] * 4


def test_every_flipped_bit_is_found_before_the_model_starts(new, no_model):
    for bit in range(8 * len(new)):
        damaged = bytearray(new)
        damaged[bit // 8] ^= 1 << (bit % 8)
        for given in (OLD, None):
            with pytest.raises((lmzip.CorruptError, lmzip.FormatError, lmzip.UnsupportedError)):
                lmzip.decompress(bytes(damaged), after=given)


def test_every_truncation_is_found(new, no_model):
    for size in range(1, len(new)):
        with pytest.raises(lmzip.TruncatedError):
            lmzip.decompress(new[:size], after=OLD)


def test_archives_in_a_row_read_it_if_they_need_it(new, plain):
    """Where all of a file can be looked at first, the order does not matter."""
    for order in ((new, plain), (new, plain, new), (plain, new)):
        expected = b"".join(NEW if archive is new else b"plain" for archive in order)
        assert lmzip.decompress(b"".join(order), after=OLD) == expected
        with pytest.raises(lmzip.AfterError):
            lmzip.decompress(b"".join(order))
    assert each_way(new + plain, after=OLD)[2] == NEW + b"plain"


def test_in_a_stream_the_first_archive_tells_whether_it_is_needed(new, plain, no_model):
    with lmzip.open(io.BytesIO(plain + new), after=OLD) as file, pytest.raises(lmzip.AfterError):
        file.read()


def test_a_file_is_written_and_read_after_it(tmp_path, new):
    for mode in ("wb", "ab"):
        with lmzip.open(tmp_path / "a.lmz", mode, level=1, after=OLD) as file:
            file.write(NEW[:9])
            file.write(NEW[9:])
    assert (tmp_path / "a.lmz").read_bytes() == new * 2
    with lmzip.open(tmp_path / "a.lmz", after=[OLD]) as file:
        assert file.read(400) == (NEW * 2)[:400]
        file.seek(5)
        assert file.read() == (NEW * 2)[5:]


def test_threads_and_pieces_change_nothing(new):
    for threads in (1, 2, 3):
        compressor = LMZCompressor(1, after=OLD, threads=threads)
        packed = compressor.compress(NEW[:50]) + compressor.compress(NEW[50:])
        assert packed + compressor.flush() == new
        assert lmzip.decompress(new, after=OLD, threads=threads) == NEW


def test_a_model_may_read_it_from_scratch():
    packed = lmzip.compress(NEW, level=1, after=OLD, from_scratch=True)
    assert packed[5] == 0xB1
    assert lmzip.decompress(packed, after=OLD) == NEW


def test_progress_is_that_of_the_data(new):
    done: list[int] = []
    lmzip.compress(NEW, level=1, after=OLD, progress=done.append)
    assert sum(done) == len(NEW)
    done.clear()
    lmzip.decompress(new, after=OLD, progress=done.append)
    assert sum(done) == len(NEW)


def test_what_is_interrupted_while_reading_can_be_repeated(new):
    def stop(size: int) -> None:
        raise KeyboardInterrupt

    prefix = prefix_of(OLD)
    compressor = LMZCompressor(1, after=replace(prefix, progress=stop))
    packed = compressor.compress(NEW)
    with pytest.raises(KeyboardInterrupt):
        compressor.flush()
    compressor._prefix = prefix
    assert packed + compressor.flush() == new


def test_salvage_restores_what_stands_before_the_damage(monkeypatch):
    monkeypatch.setattr(container, "BLOCK_SIZE", 256)
    packed = lmzip.compress(OLD[:500], level=1, after=OLD)
    data, report = salvage(packed[:-3], after=OLD)
    assert data == OLD[:256] and report.error is not None
    with pytest.raises(lmzip.AfterError):
        salvage(packed[:-3])


def test_the_memory_has_room_for_what_is_read_and_the_first_block(new, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        loop, "empty_bits", lambda *told: sizes.append(told[1]) or empty_bits(*told)
    )
    codec = loop.Codec(1)
    codec.read(OLD, len(NEW))
    assert sizes == [len(OLD) + len(NEW)]
    codec.expect_revision(OLD)
    assert codec.encode(NEW) == take_apart(new)[1][0][1].stored
    loop.Codec(1).read(b"", 1 << 20)
    monkeypatch.setattr(loop, "BLOCK_SIZE", 256)
    monkeypatch.setattr(loop, "RECENT", 256)
    loop.Codec(1).read(OLD, 256)
    assert sizes[1:] == [1 << 20, 256], "that of a block is the most"


class TestPriming:
    """Of a long text only the end is read; what is before it is taken into the memory."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch):
        monkeypatch.setattr(loop, "RECENT", 60)
        monkeypatch.setattr(priming, "PIECE", 100)

    def test_what_was_long_ago_is_found_again(self):
        codec, other = Codec(1), Codec(1)
        codec.read(OLD, 300)
        other.read(OLD[-60:], 300 + len(OLD) - 60)
        assert len(codec.encode(OLD[:300])) < 0.2 * len(other.encode(OLD[:300]))

    def test_network_and_mixer_have_learned_nothing_from_it(self):
        codec, fresh = Codec(1), Codec(1)
        codec.read(OLD, 300)
        fresh.encode(OLD[-60:])
        for name in ("weights", "final_weights"):
            moved = vars(codec.bits.mixer)[name] != vars(Codec(1)._start(9)[0].mixer)[name]
            assert 0 < moved.any(axis=1).sum() <= 60 * 8 * len(moved)
        assert codec.engine.steps.steps == fresh.engine.steps.steps == 0

    def test_every_byte_is_told(self):
        told = []
        codec = Codec(1, progress=told.append)
        codec.read(OLD, 1)
        assert sum(told) == len(OLD)
        assert told[:2] == [100, 100]

    @pytest.mark.parametrize("engine", ["cpu", "int8", "float32"])
    def test_the_second_decoder_and_every_engine_do_the_same(self, engine, monkeypatch):
        monkeypatch.setenv("LMZIP_ENGINE", engine)
        old = OLD[300:540]
        try:
            codec = Codec(1)
        except EngineError as error:
            pytest.skip(str(error))
        codec.read(old, 90)
        reference = ReferenceCodec(LEVELS[1]._replace(recent=60))
        reference.read(old, 90)
        assert reference.canary() == codec.canary()
        data = old[20:100] + b"something"
        assert reference.decode(codec.encode(data), len(data)) == data


class TestRevision:
    """Of data that stand in it for the most part, its beginning is read twice."""

    def revised(self, data: bytes, **options) -> bool:
        packed = lmzip.compress(data, level=1, after=OLD, **options)
        assert lmzip.decompress(packed, after=OLD) == data
        return packed[5] >> 7 == 1

    def test_data_tell_what_they_are(self):
        assert self.revised(OLD) and self.revised(OLD[:9]) and self.revised(OLD[::-1] + OLD * 2)
        assert not self.revised(OLD[::-1]) and not self.revised(OLD + OLD[::-1] * 2)
        assert not self.revised(b"") and not prefix_of(b"").is_revised_by(b"a")

    def test_what_comes_again_costs_next_to_nothing(self):
        """A long match is trusted from the first byte on."""
        old = prose(20_000, seed=4)
        read, expected = Codec(1), Codec(1)
        for codec in (read, expected):
            codec.read(old, len(old))
        expected.expect_revision(old)
        assert 2 * len(expected.encode(old)) < len(read.encode(old))

    def test_no_text_is_expected_anew(self):
        codec = Codec(1)
        codec.expect_revision(b"")
        assert codec.encode(NEW) == Codec(1).encode(NEW)

    def test_each_frame_says_it_of_itself(self):
        data = (OLD * 2)[:1024] + OLD[255::-1]
        packed = lmzip.compress(data, level=1, after=OLD, frame_size=1024)
        second = packed.index(b"\x8cLMZ", 1)
        assert (packed[5] >> 7, packed[second + 5] >> 7) == (1, 0)
        assert lmzip.decompress(packed, after=OLD) == data

    def test_earlier_generations_know_none(self):
        for generation in (1, 2):
            assert not self.revised(OLD, generation=generation)
        code = numbered(2).code
        header = Header(1, code, after=prefix_of(OLD).digest, revision=True)
        with pytest.raises(lmzip.FormatError, match="writes none; no lmzip writes this"):
            lmzip.decompress(put_together(header, []), after=OLD)

    def test_there_is_none_of_nothing(self):
        packed = put_together(Header(1, newest().code, revision=True), [])
        with pytest.raises(lmzip.UnsupportedError, match="options 1000"):
            lmzip.decompress(packed)

    def test_the_second_decoder_expects_it_too(self):
        old = OLD[300:440]
        for data in (old, old[10:] + b"!"):
            packed = lmzip.compress(data, level=1, after=old)
            assert packed[5] == 0xA1 and decode(packed, old) == data


def test_the_second_decoder_reads_it_too():
    old, data = OLD[:140], OLD[20:100] + b"!"
    packed = lmzip.compress(data, level=1, after=old)
    assert take_apart(packed)[1][0][0].type == container.CODED
    assert decode(packed + packed, old) == data * 2
    for wrong in (b"", old[1:]):
        with pytest.raises(Damaged, match="what to read"):
            decode(packed, wrong)
    codec, reference = Codec(1), ReferenceCodec(LEVELS[1])
    codec.read(old, 10)
    reference.read(old, 10)
    assert reference.canary() == codec.canary()
