"""Training: the float twin is the codec's network, a run goes on where it was stopped, its weights
become a file of the codec."""

from __future__ import annotations

import math
import re
from dataclasses import replace
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
from training import corpus, curves, last_stage
from training.__main__ import main
from training.export import export
from training.growth import grown, layer_count
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
    assert np.abs(exact + twin.numpy() / math.log(2)).max() < 0.6
    assert exact.mean() == pytest.approx(-twin.mean().item() / math.log(2), rel=0.01)


class TestGrowth:
    def test_twice_the_layers_predict_what_those_before_did(self) -> None:
        half = replace(preset_with("small"), layers=2, learned="")
        weights = weights_from_scratch(half)
        random = np.random.default_rng(1)
        for name in ("0.out", "0.down", "1.out", "1.down", "head"):
            shape = weights[name].shape
            weights[name] = random.normal(0, 0.05, shape).astype(np.float32)
        whole = replace(half, layers=4)
        after = grown(weights, whole)
        assert {name: tensor.shape for name, tensor in after.items()} == tensor_shapes(whole)
        batch = stretch("small", TEXT[:60])
        with torch.no_grad():
            said = [
                Network(*network).logits(batch) for network in ((half, weights), (whole, after))
            ]
        assert torch.equal(*said)

    def test_as_many_layers_are_left_as_they_are(self) -> None:
        weights = weights_from_scratch(preset_with("small"))
        assert grown(weights, preset_with("small")) is weights

    def test_another_number_is_an_error(self) -> None:
        weights = weights_from_scratch(preset_with("small"))
        assert layer_count(weights) == 1
        with pytest.raises(ValueError, match="1 layers do not become 6"):
            grown(weights, preset_with("medium"))


def test_rounding_is_what_the_file_does() -> None:
    preset = preset_with("small")
    network = Network(preset, weights_from_scratch(preset))
    stored = weights_file.unpack(export(network.weights(), preset), tensor_shapes(preset))
    network.rounding = True
    for name in ("embedding", "0.up"):
        used = network._used(name).detach().numpy()
        assert np.allclose(used, stored[name], atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 32), (32, 8), (16, 16)])
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
        run.go_on(documents, folder / "a.run", lambda line: None)
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
            run.go_on(documents, path, stop)
        run.save(path)
        other = Run.resume(path, "cpu", torch.float32)
        assert (other.seen, other.plan, other.optimiser.steps) == (run.seen, run.plan, 25)
        for name, tensor in run.network.tensors.items():
            assert torch.equal(tensor, other.network.tensors[name])
        told: list[str] = []
        other.go_on(documents, path, told.append)
        assert other.seen >= 30_000
        assert re.fullmatch(
            r"\d+ steps, [\d.]+ MB, [\d.]+ bits per byte, [\d.]+ kB/s, 0 min left", told[-1]
        )

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
        freq = random.multinomial(1 << 24, random.dirichlet(np.ones(256)), size=20)
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

    def test_documents_are_drawn_by_their_shares(self, folder: Path) -> None:
        documents = corpus.read_documents(folder)
        count = dict.fromkeys(documents, 0)
        for kind, text in last_stage.drawn(documents, 40_000, seed=1):
            assert len(text) <= last_stage.LONGEST
            count[kind] += len(text)
        assert count["prose"] > count["code"] > 1000


def test_curves_are_read_from_what_a_run_says(folder: Path) -> None:
    lines: list[str] = []
    run = Run(Plan("small", 110_000, rows=8, length=512), None, "cpu", torch.float32)
    run.go_on(corpus.read_documents(folder), folder / "a.run", lines.append)
    (folder / "a.log").write_text("\n".join(["Plan(..)", *lines]))
    read, bits = zip(*curves.points(folder / "a.log"), strict=True)
    assert len(read) == len(lines) > 1
    assert read[-1] == pytest.approx(run.seen / 1e6, abs=0.01)
    assert 0 < bits[-1] < 8
