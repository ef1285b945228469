"""Where compiled kernels fuse a multiplication with an addition, which rounds once, not twice.

    python tests/contraction.py ARCHIVE...    # with every strict kernel allowed to fuse

prints, as JSON, which archives still open; `test_contraction.py` runs it.
"""

from __future__ import annotations

import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import llvmlite.binding as llvm

from lmzip.codec import jit, processor

TRIPLES = {"x86": "x86_64-unknown-linux-gnu", "AArch64": "aarch64-unknown-linux-gnu"}
CPUS = {"x86": "haswell", "AArch64": "generic"}

FUSED = re.compile(r"^\s*(vf[mn]+(?:add|sub)\w+|f[n]?m(?:add|sub)|fml[as])\s", re.MULTILINE)
FUSED_BY_SOURCE = re.compile(r"call .*@llvm\.(?:fma|fmuladd)\.")
OPERATION = re.compile(r"^\s*(%\S+) = (fmul|fadd|fsub|fneg|fpext) (.*)$")
NAME = re.compile(r'%(?:"[^"]*"|[\w.$-]+)')


def kernels() -> dict[str, jit.Kernel]:
    """Every compiled function of the codec, by module and name."""
    import lmzip.codec

    found = {}
    for module in pkgutil.walk_packages(lmzip.codec.__path__, "lmzip.codec."):
        if ".reference" in module.name:
            continue  # that of torch
        for value in vars(import_module(module.name)).values():
            if isinstance(value, jit.Kernel):
                found[f"{value.__module__}.{value.__name__}"] = value
    return found


def optimised(kernel: jit.Kernel) -> list[str]:
    """The LLVM code of each version of a kernel that is compiled: here, or in the cache."""
    from numba.core.registry import cpu_target

    dispatcher = kernel.called
    signatures = set(dispatcher.overloads)
    for key in dispatcher._cache._cache_file._load_index():
        if key[1] == cpu_target.target_context.codegen().magic_tuple():
            signatures.add(key[0])
    for signature in signatures:
        dispatcher.compile(signature)
    libraries = [dispatcher.overloads[signature].library for signature in signatures]
    return [str(library._get_module_for_linking()) for library in libraries]


def assembly(code: str, machine: str) -> str:
    """The text of the machine code that LLVM makes of its own code."""
    if "@llvm.x86." in code and machine != "x86":
        raise ValueError("an operation that only x86 has: LLVM would end the process")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple = TRIPLES[machine]
    # LLVM ends the process where it does not have the instruction of the products.
    needs = processor.NEEDS[processor.way()] if "@llvm.x86." in code else ()
    target = llvm.Target.from_triple(triple).create_target_machine(
        cpu=CPUS[machine], features=",".join(f"+{feature}" for feature in needs), opt=3
    )
    # Of the machine that it was optimised for, only the widths of its vectors stay.
    code = re.sub(r'"target-(?:cpu|features)"="[^"]*"', "", code)
    code = re.sub(r"^target triple = .*$", f'target triple = "{triple}"', code, flags=re.MULTILINE)
    layout = f'target datalayout = "{target.target_data}"'
    code = re.sub(r"^target datalayout = .*$", layout, code, flags=re.MULTILINE)
    return target.emit_assembly(llvm.parse_assembly(code))


def fused(code: str, machine: str) -> list[str]:
    """The fused operations in a kernel's machine code."""
    return FUSED.findall(assembly(code, machine))


def may_fuse(text: str) -> bool:
    return bool(re.search(r"\b(?:fast|contract)\b", text))


def flagged(code: str) -> bool:
    """Whether an operation may be fused: one of an exact sum, or of one compiled into it."""
    return any(may_fuse(match[3]) for match in map(OPERATION.match, code.splitlines()) if match)


def unrounded(code: str) -> Iterator[str]:
    """Flagged additions of a product that is not: what AArch64 would fuse, and x86 would not."""
    for function in code.split("\ndefine ")[1:]:
        operations = {
            match[1]: (match[2], match[3])
            for match in map(OPERATION.match, function.splitlines())
            if match
        }
        for result, (kind, rest) in operations.items():
            if kind in ("fadd", "fsub") and may_fuse(rest):
                for name in NAME.findall(rest):
                    while name in operations and operations[name][0] in ("fneg", "fpext"):
                        name = NAME.findall(operations[name][1])[0]
                    source = operations.get(name)
                    if source is not None and source[0] == "fmul" and not may_fuse(source[1]):
                        yield f"{result} = {kind} {rest}"


def opens(archive: bytes) -> bool:
    import lmzip

    try:
        return bool(lmzip.decompress(archive))  # proved by its SHA-256
    except lmzip.LMZError:
        return False


if __name__ == "__main__":
    jit.STRICT["fastmath"] = {"contract"}
    from lmzip.codec.transformer.kernels import attention, gradients, heads, products

    for part in (attention, gradients, heads, products):
        part.check = lambda: None  # a self-test may refuse such kernels before an archive is opened
    print(json.dumps({path: opens(Path(path).read_bytes()) for path in sys.argv[1:]}))
