"""Reasons: why a recipe's methods are the ones that suit, or that they are the user's own choice, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tweedie import denoisers, samplers, solvers
from napari_tweedie.degradations.mask import Mask
from napari_tweedie.recipe.defaults import sampler_of, solver_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_tweedie.degradations import Degradation

BEST = "unet"
"""The denoiser of an untouched recipe."""
SAMPLERS = {
    "moment-matched": "only noise is undone, for which it needs few steps, and its spread is honest",
    "split-gibbs": "more than noise is undone, and its spread is honest",
}

NAMES = ("Gaussian",)
"""People in the titles of degradations, who keep their capital within a sentence."""


def of_denoiser(name: str) -> str:
    """Say why a denoiser is chosen."""
    if name == BEST:
        return _because("it measured best on photographs and micrographs; “small” is faster")
    return _own(denoisers.registry.method(BEST).title)


def of_solver(name: str, kinds: Sequence[type[Degradation]], volume: bool = False) -> str:
    """Say why a solver is chosen for a degradation, or for several after one another."""
    suited = solver_of(kinds, volume)["name"]
    if name != suited:
        return _own(solvers.registry.method(suited).title)
    many = ", and gaps take many iterations" if Mask in kinds else ""
    of_stacks = " of stacks" if volume else ""
    return _because(f"it measured best for {' and '.join(_lower(kind.title) for kind in kinds)}{of_stacks}{many}")


def of_sampler(name: str, job: str, degradation: str) -> str:
    """Say why a sampler is chosen for a job."""
    suited = str(sampler_of(job, degradation)["name"])
    if name != suited:
        return _own(samplers.registry.method(suited).title)
    return _because(SAMPLERS[suited]) if suited in SAMPLERS else ""


def _because(why: str) -> str:
    return f"Chosen because {why}."


def _own(suited: str) -> str:
    return f"Your choice; what measured best is {suited}."


def _lower(title: str) -> str:
    """Write a title within a sentence: names stay."""
    return title if title[:2].isupper() or title.startswith(NAMES) else title[:1].lower() + title[1:]
