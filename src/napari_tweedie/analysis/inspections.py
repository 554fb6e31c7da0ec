"""Inspections of a denoiser at work on an image: analyses that are picked by name, and stored in a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from napari_tweedie.analysis.adaptive_basis import leading_basis
from napari_tweedie.analysis.ideal import PROPERTIES, examine
from napari_tweedie.analysis.jacobian import Jacobian
from napari_tweedie.analysis.score import score
from napari_tweedie.analysis.sure import Sure
from napari_tweedie.core.method import Method, Parameter
from napari_tweedie.core.registry import Bundle, Registry
from napari_tweedie.core.results import Output

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


BEST = "denoised, best strength"
USUAL_STRENGTHS = 17
"""Strengths that a search by Stein's estimate looks at, for the progress."""


@dataclass(frozen=True)
class Finding:
    """What an inspection knows so far.

    Parameters
    ----------
    share : float
        Share of the work that is done, from 0 to 1.
    images : dict of str to Tensor
        What can be shown, shape (1, C or count, [Z,] Y, X), by name.
    report : dict
        What can be read, ready for JSON.
    """

    share: float
    images: Mapping[str, Tensor]
    report: Mapping[str, Any] = field(default_factory=dict)


class Inspection(Method):
    """Base of the analyses of f(·, σ) at an image; subclasses say what they return and compute it."""

    largest: ClassVar[int] = 256
    """Most pixels along Y and X of the crop that is looked at."""

    def images(self) -> tuple[Output, ...]:
        """Return what images it returns, the most important first."""
        return ()

    def __call__(self, x: Tensor, denoiser: Denoise, sigma: float, generator: Generator) -> Iterator[Finding]:
        """Yield what is known so far.

        Parameters
        ----------
        x : Tensor
            One image, shape (1, C, …), in units in which it spans about [0, 1].
        denoiser : callable
            f(x, sigma).
        sigma : float
            Noise level of the image, > 0.
        generator : Generator
            Source of all randomness, on the CPU.
        """
        raise TypeError(f"{type(self).__name__} defines no analysis")


class Score(Inspection):
    """The gradient of the log density of noisy images: which way, and how strongly, every pixel is drawn."""

    name: ClassVar[str] = "score"
    title: ClassVar[str] = "Score"
    largest: ClassVar[int] = 1024

    def images(self) -> tuple[Output, ...]:
        return (Output("score", "difference", power=-1),)

    def __call__(self, x: Tensor, denoiser: Denoise, sigma: float, generator: Generator) -> Iterator[Finding]:
        yield Finding(1.0, {"score": score(denoiser, x, sigma)})


class Strength(Inspection):
    """Stein's unbiased estimate of the error for every strength of denoising, and the strength where it is least."""

    name: ClassVar[str] = "strength"
    title: ClassVar[str] = "Strength (SURE)"
    largest: ClassVar[int] = 512

    probes: int = Parameter(2, "Random probes of the divergence; each costs a denoising a strength.", ge=1, le=64, advanced=True)

    def images(self) -> tuple[Output, ...]:
        return (Output(BEST),)

    def __call__(self, x: Tensor, denoiser: Denoise, sigma: float, generator: Generator) -> Iterator[Finding]:
        for curve in Sure(denoiser, x, sigma, generator, self.probes).search():
            report = {
                "strengths": [strength / sigma for strength in curve.strengths],
                "errors": [error / sigma**2 for error in curve.errors],
                "best": curve.best / sigma,
            }
            yield Finding(min(0.95, len(curve.strengths) / USUAL_STRENGTHS), {}, report)
        yield Finding(1.0, {BEST: denoiser(x, curve.best)}, report)


class AdaptiveBasis(Inspection):
    """The patterns that the denoiser keeps of this crop, most of all first, and the share of each that is kept."""

    name: ClassVar[str] = "adaptive-basis"
    title: ClassVar[str] = "Adaptive basis"

    count: int = Parameter(16, "How many patterns.", ge=1, le=64)
    side: int = Parameter(
        256, "Most pixels along Y and X of the crop; time and memory grow with its area.", ge=32, le=512, advanced=True
    )

    @property
    def largest(self) -> int:  # type: ignore[override]
        return self.side

    def images(self) -> tuple[Output, ...]:
        return (Output("basis", "difference", self.count, power=0),)

    def __call__(self, x: Tensor, denoiser: Denoise, sigma: float, generator: Generator) -> Iterator[Finding]:
        jacobian = Jacobian(denoiser, x, sigma)
        for basis in leading_basis(jacobian, self.count, generator):
            found = basis.found(1e-2)
            vectors = x.new_zeros((1, self.count, *x.shape[2:]))
            vectors[0, : len(basis.vectors)] = basis.vectors[:, 0]
            report = {
                "shrinkage": basis.shrinkage.tolist(),
                "residuals": basis.residuals.tolist(),
                "found": found,
                "products": basis.products,
            }
            yield Finding((1 + found) / (self.count + 2), {"basis": vectors}, report)
        yield Finding(1.0, {"basis": vectors}, report)


class Ideal(Inspection):
    """How close the denoiser is, on this crop, to an ideal one: identity, conservation, symmetry, and the rest."""

    name: ClassVar[str] = "ideal"
    title: ClassVar[str] = "Ideal denoiser report"
    largest: ClassVar[int] = 128

    probes: int = Parameter(8, "Random probes of the Jacobian.", ge=2, le=64, advanced=True)

    def __call__(self, x: Tensor, denoiser: Denoise, sigma: float, generator: Generator) -> Iterator[Finding]:
        for number, report in enumerate(examine(denoiser, x, sigma, generator, self.probes), start=1):
            yield Finding(number / PROPERTIES, {}, report.model_dump(mode="json"))


registry: Registry[Inspection] = Bundle("inspection", (Score, Strength, AdaptiveBasis, Ideal))
"""The inspections by name."""
