"""Priors: what small archives begin with, named by a digest, asked for before the model starts."""

from __future__ import annotations

import hashlib
import io
import pickle
import threading
from dataclasses import replace

import pytest
from conftest import noise
from layout import put_together, take_apart
from reading import each_way
from reference_decoder import Damaged, decode
from samples import LEVEL, NEW, other, prior

import lmzip
from lmzip.codec.learned.prior import Differences
from lmzip.compressor import LMZCompressor
from lmzip.header import Header
from lmzip.known import Known, known_of
from lmzip.priors.parts import Parts


@pytest.fixture(scope="module")
def archive() -> bytes:
    return lmzip.compress(NEW, LEVEL, prior=prior())


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """The user's directory of priors, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    directory = tmp_path / "data" / "lmzip" / "priors"
    directory.mkdir(parents=True)
    return directory


def resealed(**changes: object) -> bytes:
    """The prior's file with other parts, and the right checksum."""
    return replace(Parts.unpack(prior().data), **changes).pack()


def test_what_it_knows_is_not_held_again(archive):
    alone = lmzip.compress(NEW, LEVEL)
    assert len(archive) < 0.75 * len(alone), "both have 22 bytes that are no payload"
    assert lmzip.decompress(archive, prior=prior()) == NEW


def test_the_archive_names_it_where_it_would_name_the_code(archive):
    assert prior().data[-32:] == hashlib.sha256(prior().data[:-32]).digest()
    assert archive[5:10] == b"\x41" + prior().data[-32:-28] == b"\x41" + prior().digest
    header, _ = take_apart(archive)
    assert (header.prior, header.code) == (prior().digest, b"")


def test_all_of_the_library_takes_it_or_its_file(tmp_path, archive):
    path = tmp_path / "mine.lmp"
    prior().save(path)
    assert lmzip.Prior.load(path) == prior() and path.read_bytes() == prior().data
    for given in (prior(), path, str(path)):
        assert lmzip.compress(NEW, LEVEL, prior=given) == archive
        compressor = LMZCompressor(LEVEL, prior=given)
        assert compressor.compress(NEW) + compressor.flush() == archive
        with lmzip.open(tmp_path / "a.lmz", "wb", level=LEVEL, prior=given) as file:
            file.write(NEW)
        assert (tmp_path / "a.lmz").read_bytes() == archive
        assert each_way(archive, prior=given) == [NEW] * 4


def test_what_is_missing_or_another_is_told_before_the_model_starts(archive, no_model, own):
    for given in (None, other()):
        assert set(each_way(archive, prior=given)) == {lmzip.PriorError}
    assert lmzip.PriorError("", "", "").exit_status == 2
    with pytest.raises(lmzip.PriorError) as told:
        lmzip.decompress(archive, prior=other())
    assert (
        told.value.what == f"the prior {prior().name} is missing, with which this archive was made"
    )
    assert told.value.why == f"it is not the one given, {other().name}, nor in {own}"
    assert str(own) in told.value.remedy and "--prior" in told.value.remedy


def test_an_archive_that_needs_none_takes_no_notice(archive):
    plain = lmzip.compress(NEW, LEVEL)
    assert each_way(plain, prior=prior()) == [NEW] * 4
    assert lmzip.decompress(plain + archive + plain, prior=prior()) == NEW * 3


def test_archives_in_a_row_have_each_their_own(archive, own):
    prior().save(own / "a.lmp")
    row = archive + lmzip.compress(NEW, LEVEL, prior=other())
    assert lmzip.decompress(row, prior=other()) == NEW * 2


def test_it_is_found_by_what_it_is(archive, own, tmp_path):
    """In the user's directory, or beside the archive, under any name that ends in .lmp."""
    (tmp_path / "a.lmz").write_bytes(archive)
    for directory in (own, tmp_path):
        (directory / "broken.lmp").write_bytes(b"\x8cLM")
        (directory / "empty.lmp").write_bytes(b"")
        (directory / "directory.lmp").mkdir()
        other().save(directory / "another.lmp")
        with pytest.raises(lmzip.PriorError), lmzip.open(tmp_path / "a.lmz") as file:
            file.read()
        prior().save(directory / "some name.lmp")
        with lmzip.open(tmp_path / "a.lmz") as file:
            assert file.read() == NEW
        if directory == own:
            assert lmzip.decompress(archive) == NEW
        (directory / "some name.lmp").rename(directory / "no prior by its name")
    with pytest.raises(lmzip.PriorError):
        lmzip.decompress(archive)


def test_a_damaged_one_that_would_be_the_right_one_is_refused(archive, own):
    damaged = bytearray(prior().data)
    damaged[40] ^= 1
    (own / "mine.lmp").write_bytes(damaged)
    with pytest.raises(lmzip.PriorError, match="damaged"):
        lmzip.decompress(archive)


def test_every_flipped_bit_of_it_is_found():
    data = bytearray(prior().data)
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(lmzip.PriorError):
            lmzip.Prior(data)
        data[bit // 8] ^= 1 << bit % 8
    assert lmzip.Prior(data) == prior()


def test_every_truncation_of_it_is_found_and_what_is_too_much():
    for size in range(len(prior().data)):
        with pytest.raises(lmzip.PriorError):
            lmzip.Prior(prior().data[:size])
    with pytest.raises(lmzip.PriorError):
        lmzip.Prior(prior().data + b"\0")


def test_every_flipped_bit_of_the_archive_is_found_before_the_model_starts(archive, no_model):
    for bit in range(8 * len(archive)):
        damaged = bytearray(archive)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises((lmzip.CorruptError, lmzip.FormatError, lmzip.UnsupportedError)):
            lmzip.decompress(bytes(damaged), prior=prior())


def test_one_for_another_code_is_refused_with_what_to_do():
    with pytest.raises(lmzip.PriorError, match=r"made for the code 0{8}.*train it anew"):
        lmzip.Prior(resealed(code=bytes(4)))


def test_one_for_another_level_is_refused_with_what_to_do():
    for start in (
        lambda: lmzip.compress(NEW, LEVEL + 1, prior=prior()),
        lambda: LMZCompressor(LEVEL + 1, prior=prior()),
        lambda: lmzip.open(io.BytesIO(), "wb", level=LEVEL + 1, prior=prior()),
    ):
        with pytest.raises(lmzip.PriorError, match=f"use level {LEVEL}, or train"):
            start()
    wrong = put_together(Header(LEVEL + 1, b"", prior=prior().digest), [])
    with pytest.raises(lmzip.PriorError, match=f"is for level {LEVEL}"):
        lmzip.decompress(wrong, prior=prior())


def test_from_scratch_there_is_none(archive):
    with pytest.raises(ValueError, match="exclude"):
        lmzip.compress(NEW, LEVEL, from_scratch=True, prior=prior())
    header, blocks = take_apart(archive)
    with pytest.raises(lmzip.UnsupportedError):
        lmzip.decompress(put_together(replace(header, from_scratch=True), blocks), prior=prior())


@pytest.mark.parametrize("level", [0, 10])
def test_sealed_with_a_level_that_there_is_not_it_is_refused(level):
    with pytest.raises(lmzip.PriorError, match="breaks the format"):
        lmzip.Prior(resealed(level=level))


def test_sealed_with_sizes_that_are_not_right_it_is_refused():
    sound = prior().data[:-32]
    for place in range(12, 28, 4):
        wrong = bytearray(sound)
        wrong[place] ^= 1
        with pytest.raises(lmzip.PriorError, match="breaks the format"):
            lmzip.Prior(bytes(wrong) + hashlib.sha256(wrong).digest())


@pytest.mark.parametrize("part", ["network", "mixer"])
@pytest.mark.parametrize("rubbish", [b"\x01", noise(50), b"\xff" * 4000, bytes(4000)])
def test_sealed_with_rubbish_in_a_part_it_is_refused_when_it_is_used(part, rubbish):
    """Whoever seals such a file gets no further than an error."""
    wrong = lmzip.Prior(resealed(differences=Differences(**{part: rubbish})))
    with pytest.raises(lmzip.PriorError, match="breaks the format"):
        lmzip.compress(NEW, LEVEL, prior=wrong)


def test_a_prior_of_nothing_changes_nothing_but_the_header():
    nothing = lmzip.Prior(resealed(differences=Differences(), text=b""))
    assert nothing.size == 58
    packed = lmzip.compress(NEW, LEVEL, prior=nothing)
    assert take_apart(packed)[1] == take_apart(lmzip.compress(NEW, LEVEL))[1]


@pytest.mark.parametrize("part", ["network", "mixer", "text"])
def test_every_part_of_it_counts(part, archive):
    whole = Parts.unpack(prior().data)
    if part == "text":
        less = lmzip.Prior(resealed(text=b""))
    else:
        assert getattr(whole.differences, part), "else this would show nothing"
        less = lmzip.Prior(resealed(differences=replace(whole.differences, **{part: b""})))
    packed = lmzip.compress(NEW, LEVEL, prior=less)
    assert take_apart(packed)[1] != take_apart(archive)[1]
    assert lmzip.decompress(packed, prior=less) == NEW


def test_with_other_data_too_its_text_comes_first(archive):
    old = NEW[:150]
    both = lmzip.compress(NEW, LEVEL, prior=prior(), after=old)
    assert both[5] == 0x61
    assert len(take_apart(both)[1][0][1].stored) < len(take_apart(archive)[1][0][1].stored)
    assert lmzip.decompress(both, prior=prior(), after=old) == NEW
    with pytest.raises(lmzip.AfterError):
        lmzip.decompress(both, prior=prior())
    with pytest.raises(lmzip.PriorError):
        lmzip.decompress(both, after=old)
    text = Parts.unpack(prior().data).text
    textless = lmzip.Prior(resealed(text=b""))
    # Blocks of their own, so that the model sees them as it sees two: not the same as one text.
    joined = lmzip.compress(NEW, LEVEL, prior=textless, after=text + old)
    assert abs(len(joined) - len(both)) < 10


def test_one_object_serves_many_archives_and_threads(archive):
    """What has read the text is kept, and copied for each."""
    shared = lmzip.Prior(prior().data)
    assert [lmzip.compress(NEW, LEVEL, prior=shared) for _ in range(4)] == [archive] * 4
    assert shared._kept is not None
    found: list[bytes] = []

    def work() -> None:
        found.append(lmzip.decompress(lmzip.compress(NEW, LEVEL, prior=shared), prior=shared))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [NEW] * 4


def test_it_can_be_sent_to_another_process(archive):
    assert lmzip.compress(NEW, LEVEL, prior=pickle.loads(pickle.dumps(prior()))) == archive


def test_where_to_look_is_shared_by_archives(own):
    known = known_of(None)
    assert known_of(known) is known and known.find(b"", LEVEL) is None
    prior().save(own / "mine.lmp")
    found = known.find(prior().digest, LEVEL)
    (own / "mine.lmp").unlink()
    assert known.find(prior().digest, LEVEL) is found
    assert Known(prior()).find(prior().digest, LEVEL) is prior()


def test_stored_blocks_need_it_too(archive):
    packed = lmzip.compress(noise(60), LEVEL, prior=prior())
    assert lmzip.decompress(packed, prior=prior()) == noise(60)
    empty = lmzip.compress(b"", LEVEL, prior=prior())
    assert len(empty) == 22 and lmzip.decompress(empty, prior=prior()) == b""
    with pytest.raises(lmzip.PriorError):
        lmzip.decompress(empty)


def test_the_second_decoder_asks_for_the_same(archive):
    with pytest.raises(Damaged, match="a prior is needed"):
        decode(archive)
    with pytest.raises(Damaged, match="another prior"):
        decode(archive, prior=other().data)
