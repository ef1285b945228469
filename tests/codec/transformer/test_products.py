"""A product has one meaning, whatever instruction computes it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from conftest import spawn

from lmzip.codec import processor
from lmzip.codec.transformer.kernels import packing, products
from lmzip.errors import EngineError

SHAPES = ((1, 4, 16), (1, 128, 512), (1, 512, 128), (2, 36, 80), (5, 68, 272), (64, 128, 48))


def operands(kind: str, rows: int, inner: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes a [rows, inner] and b [columns, inner] as int64."""
    generator = np.random.default_rng(rows + inner + columns)
    if kind == "random":
        return (generator.integers(-127, 128, (size, inner)) for size in (rows, columns))
    if kind == "signs":
        return (127 * generator.choice([-1, 1], (size, inner)) for size in (rows, columns))
    sign = -1 if kind == "lowest" else 1
    return np.full((rows, inner), 127 * sign), np.full((columns, inner), 127)


def plain(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """The definition, row by row."""
    for row, line in zip(a, y, strict=True):
        products.plain_row(row, b, line)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["random", "signs", "lowest", "highest"])
def test_products_of_all_kinds_are_exact(kind, shape):
    a, b = operands(kind, *shape)
    y = np.full((len(a), len(b)), 7, dtype=np.int32)
    for product in (plain, products.multiply):
        product(a.astype(np.int8), products.pack(b), y)
        assert np.array_equal(y, a @ b.T)
    for row, line in zip(a, y, strict=True):
        got = np.zeros(len(b), dtype=np.int32)
        products.row_product(row.astype(np.int8), products.pack(b), got)
        assert np.array_equal(got, line)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["random", "signs", "lowest", "highest"])
def test_products_with_matrices_are_exact(kind, shape):
    a, b = operands(kind, *shape)
    b = np.sign(b) * np.minimum(abs(b), 60)
    y = np.full((len(a), len(b)), 7, dtype=np.int32)
    matrix, raised = products.pack_matrix(b), np.zeros(len(b), dtype=np.int32)
    products.raise_sums(matrix, raised)
    assert np.array_equal(raised, -128 * b.sum(1))
    for product in (products.plain_matrix, products.matrix_product):
        y[:] = 7
        product(a.astype(np.int8), matrix, raised, y)
        assert np.array_equal(y, a @ b.T)
    y[:] = 7
    products.multiply_matrix(a.astype(np.int8), matrix, raised, y)
    assert np.array_equal(y, a @ b.T)


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 128, 384), (3, 528, 112), (64, 512, 272)])
@pytest.mark.parametrize("kind", ["random", "signs", "lowest", "highest"])
@pytest.mark.parametrize("most", [15, 60])
def test_products_with_matrices_read_as_one_stream_are_exact(most, kind, shape):
    a, b = operands(kind, *shape)
    b = np.sign(b) * np.minimum(abs(b), most)
    matrix, raised = products.pack_matrix(b), (-128 * b.sum(1)).astype(np.int32)
    stream = packing.interleaved(matrix)
    for product in (products.plain_stream, products.stream_product):
        y = np.full((len(a), len(b)), 7, dtype=np.int32)
        product(a.astype(np.int8), stream, raised, int(most == 15), y)
        assert np.array_equal(y, a @ b.T)


@pytest.mark.parametrize("blocks", [3, 4, 9])
def test_four_blocks_are_interleaved_and_what_is_left_lies_as_before(blocks):
    codes = np.random.default_rng(1).integers(-60, 61, (blocks, 512)).astype(np.int8)
    stream = np.zeros_like(codes)
    packing.interleave(codes, stream)
    assert np.array_equal(stream, packing.interleaved(codes))
    whole = blocks // 4 * 4
    assert np.array_equal(stream[whole:], codes[whole:])
    for at in range(2 * whole):
        block, part = 4 * (at // 8) + at % 4, at // 4 % 2
        piece = stream.reshape(-1, 256)[at]
        assert np.array_equal(piece, codes[block, 256 * part : 256 * part + 256])


@pytest.mark.parametrize("shape", [(1, 4, 16), (3, 128, 32), (2, 100, 80)])
@pytest.mark.parametrize("kind", ["random", "signs", "highest"])
def test_products_are_added_up_where_the_first_operand_has_no_sign(kind, shape):
    a, b = operands(kind, *shape)
    a = abs(a)
    for mix in (products.plain_mix, products.mix):
        y = np.full((len(a), len(b)), 7, dtype=np.int32)
        for row, line in zip(a, y, strict=True):
            mix(row.astype(np.int8), products.pack(b), line)
        assert np.array_equal(y, 7 + a @ b.T)


def test_the_product_of_a_row_may_be_of_the_first_outputs_only():
    a, b = operands("random", 1, 32, 128)
    for outputs in (16, 32, 96, 128):
        for product in (products.plain_row, products.row_product):
            y = np.full(128, 7, dtype=np.int32)
            product(a[0].astype(np.int8), products.pack(b), y[:outputs])
            assert np.array_equal(y[:outputs], (a @ b.T)[0, :outputs])
            assert (y[outputs:] == 7).all()


def test_the_self_test_notices_sums_that_saturate():
    def saturating(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
        pairs = (
            a.reshape(len(a), -1, 2).astype(np.int64),
            b.swapaxes(0, 1).reshape(y.shape[1], -1, 2),
        )
        sums = np.einsum("nkp,mkp->nmk", pairs[0], pairs[1].astype(np.int64))
        y[:] = np.clip(sums, -(2**15), 2**15 - 1).sum(-1)

    def unsigned(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
        plain(np.abs(a), b, y)

    assert products.self_test()
    assert products.self_test_of_mixing()
    assert products.self_test_of_matrices()
    assert products.self_test(plain)
    assert not products.self_test(unsigned)
    assert products.self_test(saturating), "pairs of codes within 127 stay below 2^15"
    assert not products.self_test(
        lambda a, b, y: saturating(a, b, y) or np.add(y, a.shape[0] == 5, y)
    )


def test_the_best_way_that_a_processor_has_is_chosen():
    assert processor.choose(None, {}) == "plain"
    assert processor.choose(None, {"avx2": True, "avx512vnni": False}) == "avx2"
    assert processor.choose(None, {"avx2": True, "avxvnni": True}) == "vnni"
    everything = {"avx2": True, "avx512vnni": True, "avx512bw": True}
    assert processor.choose(None, everything) == "vnni512"
    assert processor.choose("vnni", everything) == "vnni512"
    assert processor.choose("avx2", everything) == "avx2"
    assert processor.choose("plain", everything) == "plain"
    assert processor.choose(None, {"dotprod": True}) == "dot"
    with pytest.raises(EngineError, match=r"lacks dotprod; set LMZIP_PRODUCTS to"):
        processor.choose("dot", everything)
    with pytest.raises(EngineError, match="it is unknown"):
        processor.choose("abacus", everything)


def test_the_processor_that_numba_is_told_of_is_believed(monkeypatch):
    here = processor.features()
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,-avx512vnni")
    assert processor.features() in ({"avx2": True, "avx512vnni": False}, {})  # {} without Numba
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "")
    assert processor.choose(None, processor.features()) == "plain"
    monkeypatch.delenv("NUMBA_CPU_FEATURES")
    assert processor.features() == here, "a name alone takes nothing from this one"
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert processor.choose(None, processor.features()) == "plain"


def test_a_way_that_is_forced_and_cannot_be_had_is_an_error_that_says_so():
    done = spawn("-1", "-c", __file__, LMZIP_PRODUCTS="abacus")
    assert done.returncode == 1
    assert b"'abacus'" in done.stderr
    assert b"unset it" in done.stderr


TARGETS = {
    "vnni512": ("x86_64-linux-gnu", "+avx512vnni,+avx512bw", r"vpdpbusd\s.*%zmm"),
    "vnni": ("x86_64-linux-gnu", "+avx2,+avxvnni", r"\{vex\}\s+vpdpbusd\s.*%ymm"),
    "avx2": ("x86_64-linux-gnu", "+avx2", r"vpmaddubsw\s.*%ymm"),
    "dot": ("aarch64-linux-gnu", "+dotprod", r"sdot\s+v0\.4s"),
}


@pytest.mark.parametrize("kind", ["signed", "raised", "coarse"])
@pytest.mark.parametrize("way", TARGETS)
def test_every_way_compiles_to_its_instruction_for_its_processor(way, kind):
    ir = pytest.importorskip("llvmlite.ir")
    from lmzip.codec.transformer.kernels import vectors

    triple, features, instruction = TARGETS[way]
    count = 4 if kind == "coarse" else 1

    def body(builder: ir.IRBuilder, total, *operands):
        a, b = operands[:count], operands[count:]
        if kind == "coarse":
            return vectors.multiply_coarse(builder, way, total, a, b)
        return vectors.multiply(builder, way, total, *a, *b, kind == "raised")

    kinds = [vectors.sums.llvm, *[vectors.codes.llvm] * 2 * count]
    assert re.search(instruction, assembly(triple, features, kinds, body))


def test_attention_weights_compile_for_a_processor_with_avx2():
    ir = pytest.importorskip("llvmlite.ir")
    from lmzip.codec.transformer.kernels import score_vectors

    kinds = [ir.VectorType(ir.FloatType(), 32), ir.FloatType()]
    text = assembly("x86_64-linux-gnu", "+avx2", kinds, score_vectors.attention_weights)
    assert re.search(r"vpmulhrsw\s.*%ymm", text)


def assembly(triple: str, features: str, kinds: list, body) -> str:
    """What `body` makes of values of some kinds, for a processor with these features."""
    ir = pytest.importorskip("llvmlite.ir")
    binding = pytest.importorskip("llvmlite.binding")
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip(f"this LLVM has no target {triple}")
    module = ir.Module()
    module.triple = triple
    pointers = [kind.as_pointer() for kind in kinds]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), pointers), "function")
    builder = ir.IRBuilder(function.append_basic_block())
    result = body(builder, *(builder.load(pointer, align=1) for pointer in function.args))
    to = builder.bitcast(function.args[0], result.type.as_pointer())
    builder.store(result, to, align=1)
    builder.ret_void()
    machine = target.create_target_machine(opt=3, features=features)
    return machine.emit_assembly(binding.parse_assembly(str(module)))
