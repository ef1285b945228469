"""A torch dispatch mode that fails on arithmetic which could differ between machines."""

from __future__ import annotations

from needs_torch import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Single IEEE 754 operations, exact operations, and operations that only move data.
ALLOWED = set(
    [
        "abs",
        "add",
        "add_",
        "amax",
        "argmax",
        "bitwise_and",
        "bitwise_and_",
        "cat",
        "clamp",
        "clamp_min",
        "clamp_max",
        "clone",
        "copy_",
        "div",
        "empty",
        "eq",
        "expand",
        "fill_",
        "floor",
        "floor_divide",
        "full",
        "gather",
        "ge",
        "gt",
        "index",
        "index_select",
        "lift_fresh",
        "lt",
        "max",
        "min",
        "maximum",
        "mul",
        "mul_",
        "neg",
        "new_zeros",
        "permute",
        "reshape",
        "round",
        "scalar_tensor",
        "scatter",
        "scatter_",
        "scatter_add",
        "select",
        "sign",
        "slice",
        "split",
        "sub",
        "sub_",
        "t",
        "transpose",
        "unsqueeze",
        "view",
        "where",
        "zero_",
        "zeros",
        "zeros_like",
        "arange",
        "stack",
        "rsub",
        "aminmax",
        "detach",
        "alias",
        "_to_copy",
        "_unsafe_view",
        "ones_like",
        "empty_like",
        "one_hot",
        "squeeze",
        "is_same_size",
        "_local_scalar_dense",
        "split_with_sizes",
        "unbind",
        "constant_pad_nd",
        "empty_strided",
    ]
)
PRODUCTS = {"mm", "bmm", "_int_mm"}
SUMS = {"sum", "index_add", "index_add_"}
# sqrt is correctly rounded in float64 only (float32 goes through a vector math library).
FLOAT64_ONLY = {"sqrt"}
EXACT_LIMIT = {torch.float32: 2**24, torch.float64: 2**53, torch.int64: 2**63, torch.int8: 2**31}


class InexactOperation(AssertionError):
    """An operator that is not exact, or not within its exact range."""


def _integers(x: Tensor, name: str) -> None:
    if x.is_floating_point() and not torch.equal(x, x.round()):
        raise InexactOperation(f"{name} over values that are not integers")


class ExactGuard(TorchDispatchMode):
    """Raises InexactOperation at the first operator outside the exactness contract."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        self.seen[name] = self.seen.get(name, 0) + 1
        if name in PRODUCTS:
            self._product(name, *args[:2])
        elif name in SUMS:
            self._sum(name, args)
        elif name in FLOAT64_ONLY:
            if args[0].dtype != torch.float64:
                raise InexactOperation(f"{name} in {args[0].dtype}")
        elif name not in ALLOWED:
            raise InexactOperation(f"{name} is not on the list of exact operators")
        if kwargs.get("alpha", 1) != 1:
            raise InexactOperation(f"{name} with alpha fuses a product and a sum")
        if name == "div" and not all(isinstance(a, Tensor) for a in args[:2]):
            raise InexactOperation("division by a number becomes a product on a GPU")
        return func(*args, **kwargs)

    @staticmethod
    def _product(name: str, a: Tensor, b: Tensor) -> None:
        _integers(a, name)
        _integers(b, name)
        terms = a.shape[-1]
        bound = int(a.double().abs().max()) * int(b.double().abs().max()) * terms
        if bound > EXACT_LIMIT[a.dtype]:
            raise InexactOperation(f"{name}: partial sums reach {bound} in {a.dtype}")

    @staticmethod
    def _sum(name: str, args: tuple) -> None:
        x = args[3] if name.startswith("index_add") else args[0]
        if x.dtype not in (torch.float32, torch.float64):
            return
        _integers(x, name)
        bound = int(x.double().abs().sum(0).max()) if name != "sum" else 0
        if name == "sum":
            dims = args[1] if len(args) > 1 and args[1] else list(range(x.dim()))
            bound = int(x.double().abs().sum(dims).max())
        if bound > EXACT_LIMIT[x.dtype]:
            raise InexactOperation(f"{name}: a sum reaches {bound} in {x.dtype}")
