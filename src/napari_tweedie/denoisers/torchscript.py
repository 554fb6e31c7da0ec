"""TorchScript from strangers: opened only if nothing in it runs on loading, and run only if it computes and nothing else.

TorchScript is a language of its own, with operations that read and write files. A model is therefore opened from memory, without
methods that would run meanwhile, and every operation that calling it can reach must be one of a list of computations on tensors.
Its loops must end: their numbers of turns must follow from constants and numbers of axes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import device as Device
    from torch.jit import ScriptModule

MOST_STEPS = 10**6
"""Operations of a call, all turns of its loops counted."""
AXES = 16
"""More axes than any tensor has here."""
RUNS_ON_LOADING = (b"__setstate__", b"torch.classes")
"""Words of code that is run while a model is loaded."""
DEEPEST = 200
"""Most brackets within brackets, and calls within calls: readers of deeper code run out of stack."""

LONGEST = 512
"""Entries that lists of numbers have at most: the shape of a tensor, and what is added to such a list one by one."""
LISTS_OF_NUMBERS = ("int[]", "float[]", "bool[]", "List[int]", "List[float]", "List[bool]")
SPLITTING = ("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split", "where")
"""Operations that make lists of as many tensors as another one has rows."""
GROWING = ("aten::add", "aten::add_", "aten::mul", "aten::mul_")
"""Operations that make longer lists if lists are what they are given."""

LANGUAGE = frozenset(
    """
    Constant DictConstruct GetAttr If ListConstruct ListUnpack Loop NumToTensor RaiseException TupleConstruct TupleIndex
    TupleSlice TupleUnpack Uninitialized abs annotate device dtype is_cuda isinstance layout max min requires_grad shape
    unchecked_cast unchecked_unwrap_optional CallFunction CallMethod
    """.split()  # noqa: SIM905 - a page of words
)
"""What of the language itself a model may use: no attribute is set, no object is made, nothing is printed."""
COMPUTATIONS = frozenset(
    """
    Bool Float FloatImplicit Int IntImplicit ScalarImplicit __and__ __contains__ __derive_index __getitem__ __is__ __isnot__
    __not__ __or__ __range_length __round_to_zero_floordiv _convolution _pad_circular _pad_enum _shape_as_tensor
    _unsafe_index abs acos adaptive_max_pool2d add addcdiv addcmul addmm alias all alpha_dropout amax amin aminmax any
    append arange argmax argmin argsort atan2 baddbmm batch_norm bitwise_and bitwise_not bitwise_or bmm broadcast_tensors
    cat ceil celu channel_shuffle chunk clamp clamp_max clamp_min clone col2im concat constant_pad_nd contiguous copy cos
    cosh cpu cudnn_convolution_relu cumprod cumsum dequantize detach diff dim div dropout einsum elu eq erf exp expand
    expand_as expm1 eye fill fix flatten flip floor floor_divide floordiv fmod format full full_like gather ge gelu glu
    group_norm gt hardshrink hardsigmoid hardswish hardtanh im2col imag index index_put index_select instance_norm
    is_complex is_floating_point isfinite isinf isnan item layer_norm le leaky_relu len lerp lift_fresh linear linspace list
    log log10 log1p log2 log_sigmoid log_softmax logaddexp logical_and logical_not logical_or logsumexp lt masked_fill
    masked_select matmul max maximum mean median meshgrid min minimum mish mm moveaxis movedim mul mv nan_to_num narrow ne
    neg new_full new_ones new_zeros norm numel numpy_T ones ones_like outer pad permute pixel_shuffle pixel_unshuffle pow
    prelu prod quantile real reciprocal relu relu6 remainder repeat repeat_interleave reshape reshape_as roll rot90 round
    rsqrt rsub scaled_dot_product_attention scatter select selu sgn sigmoid sign silu sin sinh size slice softmax softplus
    softshrink sort split split_with_sizes sqrt square squeeze stack std std_mean sub sum swapaxes swapdims t tan tanh
    tensor tensor_split threshold tile to topk trace transpose tril triu true_divide trunc type_as unbind unflatten unfold
    unsafe_chunk unsafe_split unsqueeze var var_mean view view_as view_as_complex view_as_real warn where zero zeros
    zeros_like
    """.split()  # noqa: SIM905
)
"""Operations that compute tensors from tensors and touch nothing else; those that end in _ do the same in place."""
FAMILIES = (
    "_upsample_",
    "adaptive_avg_pool",
    "avg_pool",
    "conv",
    "fft_",
    "max_pool",
    "reflection_pad",
    "replication_pad",
    "upsample_",
)
"""Beginnings of the names of more of them, whose members differ between versions of torch."""


def load_torchscript(content: bytes, name: str, device: Device) -> ScriptModule:
    """Return the model in the bytes of a TorchScript file, on `device`, ready for inference.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Its name, for messages.
    device : Device
        Where the model is to be.

    Raises
    ------
    RuntimeError
        If it is no TorchScript.
    ValueError
        If it would run code on loading, does anything besides computing, or need not end.
    """
    try:
        archive = torch._C.PyTorchFileReader(io.BytesIO(content))
    except ValueError as error:
        raise RuntimeError(f"{name} is no archive") from error
    records = [record for record in archive.get_all_records() if not record.startswith(("data/", "constants/"))]
    if "model.json" in records:
        raise ValueError(f"{name} is TorchScript of a format that is no longer opened: export it again by torch.jit.trace")
    for record in records:
        code = b"" if record.endswith(".debug_pkl") else archive.get_record(record)
        if any(word in code for word in RUNS_ON_LOADING):
            raise ValueError(
                f"{name} holds code that would run while it is loaded: export it by torch.jit.trace or torch.jit.script"
            )
        if record.startswith("code/") and _depth(code) > DEEPEST:
            raise ValueError(f"{name} holds code that is nested too deeply to be read: export it by torch.jit.trace")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, yet the one form that needs no code of its author
        unit = torch._C.CompilationUnit()
        raw = torch._C.import_ir_module_from_buffer(unit, content, device, {}, False)
        _Check(unit, name).module(raw)
        from torch.jit._recursive import wrap_cpp_module

        return wrap_cpp_module(raw).eval()


def _computes(operation: str) -> bool:
    return operation.startswith(FAMILIES) or operation in COMPUTATIONS or operation.removesuffix("_") in COMPUTATIONS


def _added(node: Any) -> int | None:
    """Return how many entries a list gets from another one that is written out; None if that is not known."""
    written = [value.node() for value in node.inputs() if value.node().kind() == "prim::ListConstruct"]
    return len(list(written[0].inputs())) if node.kind() == "aten::add" and written else None


def _depth(code: bytes) -> int:
    """Return how deeply brackets, and indented blocks, lie in each other."""
    brackets = re.sub(rb"[^()\[\]{}]", b"", code)
    deepest = max(accumulate(1 if bracket in b"([{" else -1 for bracket in brackets), default=0)
    return max(deepest, max((len(indent) for indent in re.findall(rb"^ *", code, re.MULTILINE)), default=0) // 2)


@dataclass(frozen=True)
class Cost:
    """How many operations code takes at most, and how many entries it adds to lists."""

    steps: int
    appended: int

    def times(self, turns: int) -> Cost:
        """Return the cost of some turns, and of the step that starts them."""
        return Cost(1 + turns * self.steps, turns * self.appended)


class _Check:
    """A walk over all that a call of a model can reach."""

    def __init__(self, unit: Any, name: str) -> None:
        self.unit = unit
        self.name = name
        self.costs: dict[tuple[Any, ...], Cost] = {}
        """Of the functions that were walked over, by name and numbers that they were given."""
        self.longest = AXES
        self.turns_over_tensors = self.splits = False
        self.under_way: list[str] = []
        self.given: dict[str, int] = {}
        """Bounds of the numbers that the function under way was given, by name."""

    def module(self, module: Any) -> None:
        if not module._has_method("forward"):
            raise ValueError(f"{self.name} holds a module that cannot be called: it has no forward")
        if module._get_forward_hooks() or module._get_forward_pre_hooks():
            raise ValueError(f"{self.name} has hooks, which are not run: export the model without them")
        itself = next(module._get_method("forward").graph.inputs())
        cost = self.function(f"{itself.type().qualified_name()}.forward")
        if self.turns_over_tensors and self.splits:
            raise ValueError(f"{self.name} holds a loop over parts of an image, as many as it has pixels, which may never end")
        if self.longest + cost.appended > LONGEST:  # what `turns` takes for granted would be wrong
            raise ValueError(f"{self.name} holds lists of more than {LONGEST} entries, loops over which may never end")

    def function(self, qualified: str, arguments: Sequence[Any] = ()) -> Cost:
        """Return what a call of a function takes at most; refuse what is not allowed in it."""
        numbers = tuple(self.number(value) for value in arguments)
        key = (qualified, *numbers)
        if key not in self.costs:
            if len(self.under_way) > DEEPEST or qualified in self.under_way:
                raise ValueError(f"{self.name} holds calls that are nested too deeply: export it by torch.jit.trace")
            found = self.unit.find_function(qualified)
            if found is None:
                raise ValueError(f"{self.name} calls {qualified}, which cannot be looked into: export it by torch.jit.trace")
            names = [value.debugName() for value in found.graph.inputs()]
            outer, self.given = self.given, {name: n for name, n in zip(names, numbers, strict=False) if n is not None}
            self.under_way.append(qualified)
            self.costs[key] = self.block(found.graph)
            self.under_way.pop()
            self.given = outer
        return self.costs[key]

    def number(self, value: Any) -> int | None:
        """Return a number that is written out, here or where the function under way is called; None for all else."""
        node = value.node()
        if node.kind() == "prim::Constant" and node.hasAttribute("value") and node.kindOf("value") == "i":
            return abs(int(node.i("value")))
        return self.given.get(value.debugName()) if node.kind() == "prim::Param" else None

    def block(self, block: Any) -> Cost:
        costs = [self.node(node) for node in block.nodes()]
        cost = Cost(sum(each.steps for each in costs), sum(each.appended for each in costs))
        if cost.steps > MOST_STEPS:
            raise ValueError(f"{self.name} takes more than {MOST_STEPS} operations, or may never end: shorten its loops")
        return cost

    def node(self, node: Any) -> Cost:
        kind = node.kind()
        room, _, operation = kind.partition("::")
        known = operation in LANGUAGE if room == "prim" else room == "aten" and _computes(operation)
        grows = kind in GROWING and isinstance(node.output().type(), torch.ListType)
        added = 1 if kind == "aten::append" else _added(node) if grows else 0
        if added is None or not known:
            raise ValueError(
                f"{self.name} uses {kind}{' of lists' * grows}, which is not one of the operations that only compute: nothing of "
                "it was run; export the model without it, or as weights"
            )
        if kind == "prim::CallMethod":
            owner = node.inputsAt(0).type()
            if not isinstance(owner, torch.ClassType):
                raise ValueError(f"{self.name} calls {node.s('name')} of an interface, which cannot be looked into")
            return self.function(f"{owner.qualified_name()}.{node.s('name')}", list(node.inputs())).times(1)
        if kind == "prim::CallFunction":
            return self.function(str(node.inputsAt(0).type()), list(node.inputs())[1:]).times(1)
        self.splits |= operation in SPLITTING
        if kind == "prim::ListConstruct":
            self.longest = max(self.longest, len(list(node.inputs())))
        inner = [self.block(block) for block in node.blocks()]
        cost = Cost(sum(each.steps for each in inner), sum(each.appended for each in inner) + added)
        return cost.times(self.turns(node.inputsAt(0)) if kind == "prim::Loop" else 1)

    def turns(self, value: Any) -> int:
        """Return a bound of a number; refuse one that depends on more than constants, axes, and lists of as many numbers."""
        node = value.node()
        kind, inputs = node.kind(), list(node.inputs())
        if (number := self.number(value)) is not None:
            return number
        if kind == "prim::If":
            place = [output.debugName() for output in node.outputs()].index(value.debugName())
            return max(self.turns(list(block.outputs())[place]) for block in node.blocks())
        if kind == "aten::dim":
            return AXES
        if kind == "aten::len" and str(inputs[0].type()) in LISTS_OF_NUMBERS:
            return LONGEST
        if kind == "aten::len" and str(inputs[0].type()) in ("Tensor[]", "List[Tensor]"):
            self.turns_over_tensors = True
            return LONGEST
        if kind in ("aten::add", "aten::sub", "aten::__range_length"):
            return sum(self.turns(each) for each in inputs[:2])
        if kind == "aten::floordiv":
            return self.turns(inputs[0])
        raise ValueError(f"{self.name} holds a loop that may never end ({kind} says how long): write it with a constant number")
