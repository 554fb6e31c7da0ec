"""Proposal of what to do with an image, from what was found on it and what is open beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.recipe.recipe import Recipe

if TYPE_CHECKING:
    from napari_tweedie.degradations.noise import Noise

Task = Literal["denoise", "deblur", "fill"]

CLEAN = 0.004
"""Noise level, as a share of the range of grey levels, below which nobody sees the noise."""
COARSE = 3.5
"""Period of the finest detail, in pixels, beyond which an image without noise is blurred."""
MARKS = "missing pixels"
"""Name of the layer that is added where no other marks pixels to be filled."""
SCANS = {
    "radon": "it holds projections, by its name, and becomes the slice that they were taken of",
    "fourier-mask": "it is k-space, by its name, and becomes the image that was measured",
}
"""Why what was measured as a whole is undone, by the degradation."""
WIDTH = 0.39
"""Standard deviation of the Gaussian blur, as a share of the period at which it leaves 5 % of the contrast: √(ln 20 / 2) / π."""


@dataclass(frozen=True)
class Clues:
    """What is known of an image before anything is decided.

    Parameters
    ----------
    noise : Noise
        Its noise model, with nothing left open.
    noise_share : float
        Its noise level over the range of its grey levels.
    photons : float
        Photons a pixel where it is bright; 0 where noise is not that of photons.
    finest : float
        Period of the finest detail that stands out of the noise, in pixels.
    missing : float
        Share of the pixels without a value.
    psf, mask : str
        Name of what is open beside it and may be its point-spread function, or mark its missing pixels; empty: nothing is.
    psf_is_volume : bool
        Whether the point-spread function has a depth.
    scan : str
        Name of the degradation by which it was measured as a whole, ray by ray or frequency by frequency; empty: it was not.
    simulated : dict
        The recipe by which the image was simulated; empty if it was not.
    """

    noise: Noise
    noise_share: float = 0.0
    photons: float = 0.0
    finest: float = float("inf")
    missing: float = 0.0
    psf: str = ""
    psf_is_volume: bool = False
    mask: str = ""
    scan: str = ""
    simulated: dict[str, Any] = field(default_factory=dict)

    def with_found(self, noise: Noise, noise_share: float, photons: float, finest: float, missing: float) -> Clues:
        """Return the clues with what was found on the image."""
        return replace(self, noise=noise, noise_share=noise_share, photons=photons, finest=finest, missing=missing)

    def with_mask(self, mask: str) -> Clues:
        """Return the clues with the name of what marks missing pixels, or without one."""
        return replace(self, mask=mask)

    def noise_in_words(self) -> str:
        """Say what the noise is, in plain words."""
        if self.noise_share < CLEAN:
            return "hardly any noise"
        shared = " that neighbouring pixels share" if getattr(self.noise, "correlated", False) else ""
        if isinstance(self.noise, Poisson):
            return f"photon noise{shared}, about {rounded(self.photons)} photons a pixel where it is bright"
        return f"even noise{shared}, {rounded(100 * self.noise_share)} % of the brightness range"


@dataclass(frozen=True)
class Proposal:
    """What to do, as a recipe, and why.

    Parameters
    ----------
    task : str
        What it is called.
    recipe : Recipe
        What to do; axes and device are left open.
    why : str
        What it is proposed for, in a few words.
    """

    task: Task
    recipe: Recipe
    why: str

    def sentence(self) -> str:
        """Say what to do and why."""
        return f"{self.task.capitalize()} it: {self.why}."


def propose(clues: Clues) -> Proposal:
    """Return what to do first: what was simulated is undone, marked pixels filled, a known blur undone, else noise removed."""
    if clues.simulated:
        degradation = clues.simulated["degradation"]
        if degradation["name"] != "identity":
            task: Task = "fill" if degradation["name"] == "mask" else "deblur"
            return Proposal(task, for_task(task, clues), f"it was simulated, with a {degradation['name'].replace('-', ' ')}")
    if clues.scan:
        return Proposal("deblur", for_task("deblur", clues), SCANS[clues.scan])
    if clues.mask:
        return Proposal("fill", for_task("fill", clues), f"the layer “{clues.mask}” marks pixels that are missing")
    if clues.missing > 0:
        return Proposal("fill", for_task("fill", clues), f"{rounded(100 * clues.missing)} % of the pixels hold no value")
    if clues.psf:
        depth = ", in 3-D" if clues.psf_is_volume else ""
        return Proposal("deblur", for_task("deblur", clues), f"the layer “{clues.psf}” is its point-spread function{depth}")
    if clues.noise_share < CLEAN and COARSE < clues.finest < float("inf"):
        why = f"hardly any noise, but no detail finer than {rounded(clues.finest)} pixels"
        return Proposal("deblur", for_task("deblur", clues), why)
    return Proposal("denoise", for_task("denoise", clues), clues.noise_in_words())


def for_task(task: Task, clues: Clues) -> Recipe:
    """Return the recipe that suits a task, from what is known of the image."""
    if task == "denoise":
        return Recipe(job="denoise")
    simulated = clues.simulated.get("degradation", {"name": "identity"})
    if simulated["name"] != "identity" and (simulated["name"] == "mask") == (task == "fill"):
        return Recipe(job="restore", degradation=_named(simulated), volume=clues.simulated.get("volume", False))
    if task == "fill":
        name = clues.mask or (MARKS if clues.missing > 0 else "")
        return Recipe(job="restore", degradation={"name": "mask", "mask": {"name": name}} if name else "identity")
    if clues.scan:
        return Recipe(job="restore", degradation=clues.scan)
    if clues.psf:
        return Recipe(job="restore", degradation={"name": "psf-blur", "psf": {"name": clues.psf}}, volume=clues.psf_is_volume)
    std = WIDTH * clues.finest if clues.noise_share < CLEAN and COARSE < clues.finest < float("inf") else 1.6
    return Recipe(job="restore", degradation={"name": "gaussian-blur", "std": min(float(f"{std:.2g}"), 50.0)})


def _named(description: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a degradation without the hashes of its arrays, which may have changed since."""
    return {
        key: {"name": value["name"]} if isinstance(value, dict) and "sha256" in value else value
        for key, value in description.items()
    }


def rounded(value: float) -> str:
    """Write a number as people say it: two digits, none of them behind a comma above ten."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
