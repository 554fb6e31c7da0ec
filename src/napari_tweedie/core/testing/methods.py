"""Checks that every method passes: it is described, replayed, and has a name and words for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method

if TYPE_CHECKING:
    from torch import Tensor


def require(condition: bool, method: Any, sentence: str) -> None:
    """Raise AssertionError with a sentence in the name of a method unless the condition holds."""
    if not condition:
        raise AssertionError(f"{getattr(method, 'name', None) or getattr(method, '__name__', type(method).__name__)}: {sentence}")


def require_close(found: Tensor, expected: Tensor, limit: float, method: Any, what: str) -> None:
    """Raise AssertionError unless no value is farther off than the limit."""
    worst = float((found - expected).abs().max()) if found.shape == expected.shape else float("inf")
    require(worst <= limit, method, f"{what} is off by {worst:.3g} (limit {limit:.3g})")


def require_like(found: Tensor, expected: Tensor, method: Any, what: str) -> None:
    """Raise AssertionError unless a tensor has the shape, dtype and device of another, and is finite."""
    shapes = f"{tuple(found.shape)} {found.dtype}", f"{tuple(expected.shape)} {expected.dtype}"
    require(shapes[0] == shapes[1], method, f"{what} has shape and type {shapes[0]} (it must be {shapes[1]})")
    require(found.device == expected.device, method, f"{what} is on {found.device} (it must be on {expected.device})")
    require(bool(torch.isfinite(found).all()), method, f"{what} holds values that are not finite")


def random(shape: tuple[int, ...], seed: int, uniform: bool = False) -> Tensor:
    """Return random numbers, normal, or uniform in [0, 1), that depend on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    drawn: Tensor = (torch.rand if uniform else torch.randn)(shape, generator=generator)
    return drawn


def check_method(method: Any) -> None:
    """Check what a recipe, a form and a list need of a method: words, and a description that replays.

    Parameters
    ----------
    method : Method
        A denoiser, degradation, solver or sampler.

    Raises
    ------
    AssertionError
        If a word is missing, or its description, as JSON, does not give the same method.
    """
    if not isinstance(method, Method):  # a plain function is a denoiser, too
        return
    cls = type(method)
    for word in ("name", "title"):
        require(bool(getattr(cls, word, "")), cls, f"its class has no {word}")
    require(bool((cls.__doc__ or "").strip()), method, "its class has no docstring, which lists and forms show")
    for field, info in cls.model_fields.items():
        require(bool(info.description), method, f"the parameter {field!r} has no description")
    described = json.loads(json.dumps(method.describe()))
    require(described.pop("name") == cls.name, method, "its description has another name")
    again = cls(**described).with_arrays({name: array for name, array in method.arrays().items() if array.array is not None})
    require(again.describe() == method.describe(), method, "its description, read from JSON, gives another method")
