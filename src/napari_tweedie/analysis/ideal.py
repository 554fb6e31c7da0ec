"""Report on how close a denoiser is to an ideal one: the properties that a perfect denoiser has, measured on an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from napari_tweedie.analysis.jacobian import Jacobian, asymmetry, in_float32, trace
from napari_tweedie.analysis.lipschitz import jacobian_norm
from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


PROPERTIES = 8
"""How many properties a full report has."""

POWER_ITERATIONS = 20
"""For the largest singular value, which they find to a few per cent, from below."""


class Property(BaseModel):
    """One property of an ideal denoiser, measured."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Name of the property."""
    measured: float
    """How far the denoiser is from it."""
    ideal: str
    """What an ideal denoiser would measure."""
    explanation: str
    """What was measured, in a sentence."""


class Report(BaseModel):
    """The properties measured so far, and where; ``model_dump_json()`` stores it."""

    model_config = ConfigDict(frozen=True)

    sigma: float
    """Noise level that the denoiser was told, in units of the image."""
    shape: tuple[int, ...]
    """Shape of the image."""
    properties: tuple[Property, ...]
    """What was measured."""

    def table(self) -> str:
        """Return the report as a Markdown table."""
        rows = [f"| {p.name} | {p.measured:.3g} | {p.ideal} | {p.explanation} |" for p in self.properties]
        return "\n".join(["| property | measured | ideal | what was measured |", "| --- | --: | --- | --- |", *rows])


def examine(denoiser: Denoise, x: Tensor, sigma: float, generator: Generator, probes: int = 8) -> Iterator[Report]:
    """Yield the report so far after every property (Milanfar & Delbracio, "Denoising: a powerful building block", 2024).

    Parameters
    ----------
    denoiser : callable
        f(x, sigma); one that can choose its precision is examined in float32.
    x : Tensor
        One image, shape (1, C, …), with about the noise of level sigma: a crop of the user's image, up to about 256 pixels wide.
    sigma : float
        Noise level, > 0.
    generator : Generator
        Draws probes, on the CPU.
    probes : int
        Random probes of the Jacobian.

    Raises
    ------
    ValueError
        If sigma is not positive, or the image is constant.
    """
    if not float(x.std(correction=0)) > 0:
        raise ValueError("the image is constant: choose a region with something to see")
    f = in_float32(denoiser)
    jacobian = Jacobian(f, x, sigma)
    done: tuple[Property, ...] = ()
    for found in _properties(f, jacobian, x, sigma, generator, probes):
        done = (*done, found)
        yield Report(sigma=sigma, shape=tuple(x.shape[1:]), properties=done)


def _properties(f: Denoise, jacobian: Jacobian, x: Tensor, sigma: float, generator: Generator, probes: int) -> Iterator[Property]:
    clean = jacobian.clean
    contrast = float(x.std(correction=0))
    yield Property(
        name="identity",
        measured=_rms(f(x, 0.0) - x) / contrast,
        ideal="0",
        explanation="Without noise the image stays as it is: rms of f(x, 0) − x, relative to the image's standard deviation.",
    )
    flat = torch.full_like(x, float(x.mean()))
    yield Property(
        name="constants",
        measured=float((f(flat, sigma) - flat).abs().max()) / sigma,
        ideal="0",
        explanation="A constant image stays as it is: largest change of one as bright as the image's mean, in noise levels.",
    )
    yield Property(
        name="mean",
        measured=abs(float(clean.double().mean() - x.double().mean())) / sigma,
        ideal="0",
        explanation="The total brightness is kept: change of the image's mean, in noise levels.",
    )
    yield Property(
        name="homogeneity",
        measured=_rms(f(2 * x, 2 * sigma) - 2 * clean) / (_rms(2 * clean) or contrast),
        ideal="0",
        explanation="The grey levels' unit does not matter: f(2x, 2σ) against 2 f(x, σ), relative rms.",
    )
    yield Property(
        name="symmetry",
        measured=asymmetry(jacobian, generator, probes),
        ideal="0",
        explanation="The residual is the gradient of a log density: ‖J − Jᵀ‖ / ‖J‖ by random probes"
        + (" and gradients." if jacobian.exact else " and finite differences."),
    )
    yield Property(
        name="non-expansiveness",
        measured=jacobian_norm(jacobian, generator, iterations=POWER_ITERATIONS)[-1],
        ideal="≤ 1",
        explanation="No change of the image comes out larger than it went in: largest singular value of J"
        + ("." if jacobian.exact else ", taken for symmetric, from below."),
    )
    yield Property(
        name="closure",
        measured=_asymmetry_of_combination(f, x, sigma, generator, probes),
        ideal="0",
        explanation="Affine combinations of ideal denoisers are ideal: asymmetry, as above, of 2 f(x, σ) − f(x, 2σ).",
    )
    yield Property(
        name="effective dimension",
        measured=trace(f, x, sigma, generator, probes, clean)[0] / x.numel(),
        ideal="0 … 1",
        explanation="Share of the image's degrees of freedom that are kept: tr J per pixel. The smoother, the smaller.",
    )


def _asymmetry_of_combination(f: Denoise, x: Tensor, sigma: float, generator: Generator, probes: int) -> float:
    def combination(image: Tensor, level: float | Tensor) -> Tensor:
        return 2 * f(image, level) - f(image, 2 * level)

    combination.differentiable = getattr(f, "differentiable", True)  # type: ignore[attr-defined]
    return asymmetry(Jacobian(combination, x, sigma), generator, probes)


def _rms(x: Tensor) -> float:
    return float(x.double().square().mean().sqrt())
