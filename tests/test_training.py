"""Training: the float twin is the codec's network, a run goes on where it was stopped, its weights
become a file of the codec."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import prose
from needs_torch import torch

from lmzip.codec.learned import weights_file
from lmzip.codec.levels import PRESETS
from lmzip.codec.loop import Codec
from lmzip.codec.memory.slots import expected_of
from lmzip.codec.mixer.first_weights import formula, learned, unpack_weights
from lmzip.codec.transformer.kernels.engine import CpuEngine
from lmzip.codec.transformer.weights import initial_weights, tensor_shapes, weights_from_scratch
from training import corpus, curves, features, last_stage
from training.__main__ import main
from training.export import export
from training.network import Network
from training.optimiser import orthogonal
from training.run import Plan, Run, preset_with
from training.validation import bits_per_byte, coded_bits_per_byte

EXAMPLES = Path(__file__).parents[1] / "examples"
TEXT = b"".join(path.read_bytes() for path in sorted(EXAMPLES.glob("*.txt")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of two kinds, a few hundred kB."""
    (tmp_path / "prose.txt").write_bytes(b"\0".join([TEXT[:9000]] * 20 + [b"too short"]))
    (tmp_path / "code.txt").write_bytes(b"\0".join([Path(__file__).read_bytes()] * 10))
    return tmp_path


def stretch(name: str, text: bytes) -> corpus.Batch:
    """One stretch of a text, as training sees it."""
    reader = corpus.Reader(preset_with(name), len(text))
    reader.open(np.frombuffer(text, dtype=np.uint8))
    batch = corpus.empty_batch(preset_with(name), 1, len(text))
    reader.read_into(batch, 0)
    return batch


def mixture(documents: corpus.Documents, rows: int = 4, length: int = 256) -> corpus.Mixture:
    """What a run of `small` reads."""
    return corpus.Mixture(documents, preset_with("small"), rows, length, seed=1)


class TestCorpus:
    def test_documents_are_cut_and_short_ones_left_out(self, tmp_path: Path) -> None:
        long = b"x" * (corpus.LONGEST + 1000)
        (tmp_path / "logs.txt").write_bytes(b"\0".join([long, b"short", b"y" * 300]))
        documents = corpus.read_documents(tmp_path)
        assert [len(d) for d in documents["logs"]] == [corpus.LONGEST, 1000, 300]

    def test_documents_in_other_scripts_are_a_kind_of_their_own(self, tmp_path: Path) -> None:
        russian, french = (
            "Всё смешалось в доме. ".encode() * 20,
            "Où est passé l'été ? ".encode() * 20,
        )
        (tmp_path / "languages.txt").write_bytes(b"\0".join([russian, french, russian]))
        documents = corpus.read_documents(tmp_path)
        assert {kind: [d.tobytes() for d in found] for kind, found in documents.items()} == {
            "languages": [french],
            "scripts": [russian, russian],
        }

    def test_a_folder_without_documents_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="has no documents"):
            corpus.read_documents(tmp_path)

    def test_kinds_come_by_their_shares(self, folder: Path) -> None:
        mixture = corpus.Mixture(
            corpus.read_documents(folder), preset_with("small"), 4, 256, seed=1
        )
        for _ in range(100):
            mixture.next()
        shares = corpus.SHARES["prose"], corpus.SHARES["code"]
        assert mixture.read["prose"] / mixture.read["code"] == pytest.approx(
            shares[0] / shares[1], rel=0.4
        )

    def test_a_document_starts_with_empty_slots(self) -> None:
        reader = corpus.Reader(preset_with("small"), 100)
        found = []
        for _ in range(2):
            reader.open(np.frombuffer(TEXT[:100], dtype=np.uint8))
            batch = corpus.empty_batch(preset_with("small"), 1, 100)
            assert reader.read_into(batch, 0) == 100
            found.append(batch.tokens)
        assert np.array_equal(*found)

    def test_what_lies_behind_a_document_is_not_learned(self) -> None:
        batch = stretch("small", TEXT[:100])
        longer = corpus.empty_batch(preset_with("small"), 1, 150)
        for name in vars(batch):
            getattr(longer, name)[:, :100] = getattr(batch, name)
        network = Network(preset_with("small"))
        assert network.loss(batch).item() == pytest.approx(network.loss(longer).item(), rel=1e-5)


@pytest.mark.parametrize("name", ["small", "medium", "large"])
def test_the_twin_predicts_what_the_codec_does(name: str) -> None:
    """Bits of each byte of a segment: the codec rounds, but means the same."""
    preset = preset_with(name)
    text = np.frombuffer(TEXT[: preset.segment], dtype=np.uint8)
    network = Network(preset, initial_weights(preset))
    with torch.no_grad():
        logits = network.logits(stretch(name, text.tobytes()))[0]
    twin = torch.log_softmax(logits, -1)[torch.arange(len(text)), torch.tensor(text.copy()).long()]
    engine = CpuEngine(preset)
    engine.start_block()
    freq = engine.predict(0, text)[np.arange(len(text)), text]
    exact = -np.log2(freq / 2**24)
    apart = np.abs(exact + twin.numpy() / math.log(2))
    assert apart.max() < 0.8  # 0.62, at a byte of seven bits
    assert apart.mean() < 0.08
    assert exact.mean() == pytest.approx(-twin.mean().item() / math.log(2), rel=0.002)


class TestFeatures:
    """What the slots say, kept: the same as when a document is read."""

    @pytest.fixture
    def kept(self, folder: Path) -> features.Features:
        documents = corpus.read_documents(folder)
        return features.prepare(documents, preset_with("small"), folder / "kept", threads=2)

    def test_a_stretch_is_what_a_reader_makes_of_it(
        self, folder: Path, kept: features.Features
    ) -> None:
        shuffled = features.Shuffled(kept, 1, 256, seed=1)
        (document,) = corpus.read_documents(folder)["prose"][:1]
        reader = corpus.Reader(preset_with("small"), 256)
        reader.open(document)
        start = kept.documents[0, 1]
        for at in range(0, len(document), 256):
            batch = corpus.empty_batch(preset_with("small"), 1, 256)
            n = reader.read_into(batch, 0)
            found = corpus.Batch(*shuffled.stretches_at(np.array([[start + at, n]])))
            assert np.array_equal(found.next_bytes, batch.next_bytes)
            for name in ("tokens", "classes", "totals"):
                assert np.array_equal(getattr(found, name)[0, :n], getattr(batch, name)[0, :n])
            seen = batch.classes > 0  # others stand for no candidate
            assert np.array_equal(found.candidates[0, :n][seen[0, :n]], batch.candidates[seen])

    def test_every_stretch_comes_once_before_one_comes_again(
        self, folder: Path, kept: features.Features
    ) -> None:
        shuffled = features.Shuffled(kept, 4, 256, seed=1)
        kind = list(corpus.SHARES).index("code")
        every = shuffled.stretches[kind]
        drawn = np.concatenate([shuffled.draw(kind, 7) for _ in range(len(every) // 7)])
        assert len(np.unique(drawn, axis=0)) == len(drawn) > 100
        assert drawn[:, 1].max() == 256

    def test_kinds_come_by_their_shares(self, kept: features.Features) -> None:
        shuffled = features.Shuffled(kept, 4, 256, seed=1)
        bytes_of = dict.fromkeys((0, 2), 0)
        starts = kept.documents[:, 1]
        shuffled.draw, draw = lambda kind, count: note(kind, count), shuffled.draw

        def note(kind: int, count: int) -> np.ndarray:
            drawn = draw(kind, count)
            if count:
                bytes_of[kind] += drawn[:, 1].sum()
                assert starts.min() <= drawn[:, 0].min()
            return drawn

        total = sum(shuffled.next()[1] for _ in range(200))
        assert total == sum(bytes_of.values())
        shares = corpus.SHARES["prose"], corpus.SHARES["code"]
        assert bytes_of[0] / bytes_of[2] == pytest.approx(shares[0] / shares[1], rel=0.3)

    def test_a_run_reads_them(self, folder: Path, kept: features.Features) -> None:
        run = Run(Plan("small", 60_000, rows=4, length=256), None, "cpu", torch.float32)
        documents = corpus.read_documents(folder)
        before = bits_per_byte(run.network, documents, 2000)
        run.go_on(features.Shuffled(kept, 4, 256, seed=1), folder / "a.run", lambda line: None)
        after = bits_per_byte(run.network, documents, 2000)
        assert all(after[kind] < 0.8 * before[kind] for kind in documents)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="of another network than medium"):
        Network(preset_with("medium"), weights_from_scratch(preset_with("small")))


def test_rounding_is_what_the_file_does() -> None:
    preset = preset_with("small")
    network = Network(preset, weights_from_scratch(preset))
    stored = weights_file.unpack(export(network.weights(), preset), tensor_shapes(preset))
    network.rounding = True
    used = network._used()
    for name in ("embedding", "0.up"):
        assert np.allclose(used[name].detach().numpy(), stored[name], atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 32), (32, 8), (16, 16), (3, 8, 32)])
def test_muon_makes_matrices_orthogonal(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert values.min() > 0.3
    assert values.max() < 1.3


class TestRun:
    def test_it_learns(self, folder: Path) -> None:
        documents = corpus.read_documents(folder)
        run = Run(Plan("small", 60_000, rows=4, length=256), None, "cpu", torch.float32)
        before = bits_per_byte(run.network, documents, 2000)
        run.go_on(mixture(documents), folder / "a.run", lambda line: None)
        after = bits_per_byte(run.network, documents, 2000)
        assert run.seen >= 60_000
        assert all(after[kind] < 0.8 * before[kind] for kind in documents)

    def test_it_goes_on_where_it_was_stopped(self, folder: Path) -> None:
        class StopError(Exception):
            pass

        def stop(line: str) -> None:
            raise StopError

        # It tells, and may be stopped, after 25 steps of 1,024 bytes; five are left.
        documents, path = corpus.read_documents(folder), folder / "a.run"
        run = Run(Plan("small", 30_000, rows=4, length=256), None, "cpu", torch.float32)
        with pytest.raises(StopError):
            run.go_on(mixture(documents), path, stop)
        run.save(path)
        other = Run.resume(path, "cpu", torch.float32)
        assert (other.seen, other.plan, other.optimiser.steps) == (run.seen, run.plan, 25)
        for name, tensor in run.network.tensors.items():
            assert torch.equal(tensor, other.network.tensors[name])
        told: list[str] = []
        other.go_on(mixture(documents), path, told.append)
        assert other.seen >= 30_000
        assert re.fullmatch(
            r"\d+ steps, [\d.]+ MB, [\d.]+ bits per byte, [\d.]+ kB/s, 0 min left", told[-1]
        )

    def test_what_nothing_asked_for_is_nothing(self, folder: Path) -> None:
        """Rows of states that no slot came to keep no initial values, those that were read do."""
        run = Run(Plan("small", 10_000, rows=4, length=256), None, "cpu", torch.float32)
        run.go_on(mixture(corpus.read_documents(folder)), folder / "a.run", lambda line: None)
        before, after = run.network.weights(), run.weights()
        asked = after["embedding"].any(axis=1)
        assert asked[ord("e")] and not asked[0x80]  # the text is ASCII
        assert np.array_equal(after["embedding"][asked], before["embedding"][asked])
        assert np.array_equal(after["0.up"], before["0.up"])

    def test_an_unknown_name_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="large, medium, small"):
            preset_with("huge")


def test_the_command_trains_validates_and_exports(folder: Path) -> None:
    run, output = str(folder / "a.run"), folder / "small.weights"

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    plan = ["--megabytes", "0.02", "--rows", "4", "--length", "128"]
    assert "0 min left" in call("train", str(folder), "small", run, *plan)
    kept, again = str(folder / "kept"), str(folder / "b.run")
    assert "30 documents" in call("features", str(folder), "small", kept)
    more = [*plan, "--features", kept, "--start", run]
    assert "0 min left" in call("train", str(folder), "small", again, *more)
    told = call("validate", str(folder), run, "--kilobytes", "2")
    assert re.search(r"prose +\d\.\d{4}\ncode +\d\.\d{4}", told)
    call("export", run, "-o", str(output))
    shapes = tensor_shapes(preset_with("small"))
    assert set(weights_file.unpack(output.read_bytes(), shapes)) == set(shapes)


def test_what_is_shipped_is_validated_by_its_own_archives(folder: Path) -> None:
    documents = corpus.read_documents(folder)
    # Prose is one document again and again: it is read once, and 500 bytes of it more.
    text = documents["prose"][0].tobytes()
    found = coded_bits_per_byte(1, documents, len(text) + 500)
    size = sum(len(Codec(1).encode(part)) for part in (text, text[:500]))
    assert found["prose"].whole == 8 * size / (len(text) + 500)
    for bits in found.values():
        assert 0.8 * bits.whole < bits.network < 2 * bits.whole


class TestLastStage:
    def test_a_path_holds_what_the_network_says_of_a_byte(self) -> None:
        random = np.random.default_rng(1)
        freq = random.multinomial(1 << 24, random.dirichlet(np.ones(256)), size=20).astype(np.int32)
        symbols = random.integers(0, 256, 20).astype(np.uint8)
        p = np.zeros((20, 8), dtype=np.int32)
        last_stage.note_bits(freq, symbols, expected_of(symbols), p)
        ones = (symbols[:, None] >> np.arange(7, -1, -1) & 1).astype(bool)
        said = np.where(ones, p, (1 << 22) - p) / (1 << 22)
        asked = freq[np.arange(20), symbols] / (1 << 24)
        assert np.allclose(said.prod(axis=1), asked, rtol=0.05, atol=1e-5)

    @pytest.mark.parametrize("text", [b"09:00 all is well, nothing to be done\n" * 40, prose(900)])
    def test_a_path_costs_what_the_archive_does(self, text: bytes) -> None:
        """Foreseen bytes and those that were not what was expected included."""
        path = last_stage.path(1, "logs", np.frombuffer(text, dtype=np.uint8))
        first = learned(PRESETS[1])
        cost = last_stage.cost(1, path, last_stage.fresh(1, first))
        assert abs(cost - len(Codec(1).encode(text))) < 2

    def test_what_was_learned_helps_on_another_document_by_way_of_the_file(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(last_stage, "OFTEN", 0.1)
        paths = [
            last_stage.path(1, "code", np.frombuffer(file.read_bytes()[:2000], dtype=np.uint8))
            for file in sorted(EXAMPLES.glob("*.py"))[:3]
        ]
        data = last_stage.file_of(1, last_stage.learn(1, paths[:2]), 4000)
        contexts, sets = PRESETS[1].contexts, PRESETS[1].sets
        before, after = (
            last_stage.cost(1, paths[2], last_stage.fresh(1, first))
            for first in (formula(contexts, sets), unpack_weights(data, contexts, sets))
        )
        assert after < 0.98 * before

    def test_documents_are_drawn_by_their_shares(self) -> None:
        documents = dict.fromkeys(("prose", "code"), [np.zeros(2000, np.uint8)] * 50)
        count = dict.fromkeys(documents, 0)
        for kind, text in last_stage.drawn(documents, 200_000, seed=1):
            assert len(text) <= last_stage.LONGEST
            count[kind] += len(text)
        for kind, bytes_drawn in count.items():
            assert 0 <= bytes_drawn - 200_000 * corpus.SHARES[kind] < 2000


def test_curves_are_read_from_what_a_run_says(folder: Path) -> None:
    lines: list[str] = []
    run = Run(Plan("small", 110_000, rows=8, length=512), None, "cpu", torch.float32)
    source = mixture(corpus.read_documents(folder), rows=8, length=512)
    run.go_on(source, folder / "a.run", lines.append)
    (folder / "a.log").write_text("\n".join(["Plan(..)", *lines]))
    read, bits = zip(*curves.points(folder / "a.log"), strict=True)
    assert len(read) == len(lines) > 1
    assert read[-1] == pytest.approx(run.seen / 1e6, abs=0.01)
    assert 0 < bits[-1] < 8
