"""Arrays that methods need: they travel beside a recipe, which holds their names and hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from napari_tweedie.core.lazy import torch
from napari_tweedie.images.arrays import as_array, fetched

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Input:
    """An array that a method needs (point-spread function, mask): in a recipe only its name, hash and pixel size."""

    array: NDArray[Any] | None
    name: str = ""
    sha256: str = ""
    spacing: tuple[float, ...] = ()
    """Size of its pixels along every axis, in nanometres; empty: unknown."""

    @classmethod
    def needed(cls, name: str) -> Input:
        """Return the default of a field whose array there must be before a run."""
        return cls(None, name)

    @classmethod
    def of(cls, array: Any, name: str = "", spacing: tuple[float, ...] = ()) -> Input:
        """Take a snapshot of an array or tensor, so that later edits of the original change nothing."""
        copy = np.array(fetched(as_array(array, f"array {name!r}" if name else "array", complex_numbers=True)))
        if copy.ndim == 0 or copy.size == 0:
            what = "a single number" if copy.ndim == 0 else f"empty (shape {copy.shape})"
            raise ValueError(f"the array{f' {name!r}' if name else ''} is {what}: give an array of numbers")
        if copy.dtype.kind in "fc" and not np.isfinite(copy).all():
            bad = int(copy.size - np.isfinite(copy).sum())
            raise ValueError(f"the array{f' {name!r}' if name else ''} holds {bad} values that are not finite: replace them")
        return cls(copy, name, fingerprint(copy), spacing)

    def described(self) -> dict[str, Any]:
        """Return what stands in a recipe."""
        sizes = {"spacing": list(self.spacing)} if self.spacing else {}
        return {"name": self.name, "sha256": self.sha256, **sizes}

    def values(self) -> NDArray[Any]:
        """Return the array; refuse if only its name is known."""
        if self.array is None:
            raise ValueError(f"the array {self.name!r} is not at hand: pass it beside the recipe")
        return self.array

    def real(self) -> NDArray[Any]:
        """Return the array; refuse complex numbers."""
        array: NDArray[Any] = as_array(self.values(), f"array {self.name!r}" if self.name else "array")
        return array

    def tensor(self, like: Tensor) -> Tensor:
        """Return the array as a tensor of the dtype and on the device of `like`."""
        return torch.as_tensor(self.real().astype(np.float32)).to(like)


def fingerprint(array: NDArray[Any]) -> str:
    """Return a SHA-256 of shape, dtype and values."""
    digest = hashlib.sha256(f"{array.shape}{array.dtype.str}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _as_input(value: Any) -> Input:
    if isinstance(value, Input):
        return value
    if isinstance(value, dict):
        return _described(value)
    return Input.of(value)


def _described(said: dict[str, Any]) -> Input:
    """Return an array of which a recipe says name, hash and pixel size."""
    texts, sizes = {name: said.get(name, "") for name in ("name", "sha256")}, said.get("spacing", ())
    other = [name for name in said if name not in ("name", "sha256", "spacing")]
    numbers = isinstance(sizes, list | tuple) and all(isinstance(size, int | float) and 0 < size < inf for size in sizes)
    if other or not numbers or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"an array is described by name, sha256 and spacing, sizes above 0 (got {said!r:.80})")
    return Input(None, **texts, spacing=tuple(map(float, sizes)))


ArrayInput = Annotated[
    Input,
    PlainValidator(_as_input),
    PlainSerializer(Input.described, return_type=dict[str, Any]),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "sha256": {"type": "string"},
                "spacing": {"type": "array", "items": {"type": "number"}},
            },
        }
    ),
]
"""Annotation of an array parameter; accepts arrays, tensors, or name and hash from a recipe."""


class MissingInput(ValueError):  # noqa: N818 - reads like Cancelled
    """An array that a method needs is not at hand.

    Parameters
    ----------
    part, method, field : str
        Field of the recipe, name of the method, and name of its array.
    """

    def __init__(self, part: str, method: str, field: str) -> None:
        super().__init__(f"the {part} {method!r} needs an array: pass it beside the recipe, as {field}=array")
        self.part, self.method, self.field = part, method, field
