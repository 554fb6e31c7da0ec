"""Confirmation of models that are programs of others: one runs in napari only once the user has said so, knowing its hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from napari_tweedie.denoisers.denoiser import Denoiser

if TYPE_CHECKING:
    from napari_tweedie.recipe.recipe import Recipe

ASKED: set[str] = set()
"""Hashes of the programs that the user was asked about in this session: whoever presses Run again has confirmed them."""
SHOWN = 12
"""Digits of a hash that are shown: enough to compare with what its author tells."""


def question(recipes: Iterable[Recipe]) -> str:
    """Return what to ask before recipes run; nothing if they run no programs of others, or they were asked about before."""
    steps = [step for recipe in recipes for step in recipe.steps]
    used = (denoiser for step in steps if step.uses_denoiser for denoiser in _all(step.denoiser))
    asked = {program: denoiser for denoiser in used if (program := denoiser.program()) and program not in ASKED}
    if not asked:
        return ""
    ASKED.update(asked)
    named = ", ".join(f"{getattr(each, 'path', each.name)} (SHA-256 {program[:SHOWN]}…)" for program, each in asked.items())
    return (
        f"{named} is a program of whoever made it. It is only let compute, and touches no file; if you trust its author, "
        "press Run again."
    )


def _all(method: Any) -> Iterator[Denoiser]:
    """Return a denoiser and those that it is made of."""
    if isinstance(method, Denoiser):
        yield method
        for _, value in method:
            yield from _all(value)
    elif isinstance(method, tuple | list):
        for value in method:
            yield from _all(value)
