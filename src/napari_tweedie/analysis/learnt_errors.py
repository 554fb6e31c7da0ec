"""Standard deviation of the errors of bundled networks, as a small network has learnt it, in one call and without derivatives.

It is the posterior standard deviation as far as the denoiser is the posterior mean, and still that of the error where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.linear_algebra import smoothed
from napari_tweedie.denoisers.coloured import relative_levels
from napari_tweedie.denoisers.levels import SCALES, level_maps
from napari_tweedie.denoisers.network import ERRORS, load_errors, weights_file
from napari_tweedie.denoisers.tiling import Tiled, Volume
from napari_tweedie.denoisers.wrapper import Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.denoisers.denoiser import Denoiser
    from napari_tweedie.denoisers.error_network import ErrorNetwork

DISAGREEMENT = 2.0
"""Width (standard deviation), in pixels, of the window over which the disagreement of three directions is averaged."""
LEAST = 0.2
"""Share of the variance of one direction that is left of a volume's at least, however much the directions disagree."""


@dataclass(frozen=True)
class Learnt:
    """Whose errors they are: of a denoiser that the network knows, at work on noise that correlates or not."""

    name: str
    correlation: Correlation | None = None


def learnt(denoiser: Denoiser) -> Learnt | None:
    """Return whose errors those of a denoiser are, one that others may be wrapped around; None if they were not learnt."""
    correlation = None
    while isinstance(denoiser, Wrapper):
        correlation = getattr(denoiser, "correlation", correlation)
        denoiser = denoiser.denoiser
    return Learnt(denoiser.name, correlation) if denoiser.knows_errors else None


def error_std(
    denoise: Tiled | Volume, whose: Learnt, x: Tensor, clean: Tensor, sigma: float | Tensor, counted: bool = False
) -> Tensor:
    """Return the standard deviation of the error of a denoised image, pixel by pixel.

    Parameters
    ----------
    denoise : Tiled or Volume
        The denoiser in tiles; a volume's three directions are denoised once more.
    whose : Learnt
        What `learnt` returns of the denoiser.
    x, clean : Tensor
        Noisy images and what they were denoised to, shape (B, C, [Z,] Y, X).
    sigma : float or Tensor
        The noise level, > 0; of planes also a map of it, shape (B | 1, C | 1, Y | 1, X | 1).
    counted : bool
        Whether they are counted light whose noise was stabilised: the error is that of the result in grey levels, with the light
        that is kept, over the grey levels of a noise level (`Stabilised.width`) and times σ; where noise correlates, it is that
        of the stabilised image.

    Returns
    -------
    Tensor
        Shape of `x`, nowhere zero.
    """
    if (least := float(torch.as_tensor(sigma).min())) <= 0:
        raise ValueError(f"sigma must be > 0 (got {least:g})")
    if isinstance(denoise, Volume):
        assert isinstance(sigma, float | int)
        return sigma * _of_volume(denoise, whose, x, sigma, counted).sqrt()
    return sigma * _of_planes(denoise, whose, x, clean, sigma, counted).sqrt()


def _of_planes(denoise: Tiled, whose: Learnt, x: Tensor, clean: Tensor, sigma: float | Tensor, counted: bool) -> Tensor:
    """Return the variance of the error of planes in units of that of the noise."""
    network = load_errors(weights_file(ERRORS), x.device)
    if whose.correlation is None:
        noise, levels = "counted" if counted else "white", torch.ones(1, len(SCALES), device=x.device)
    else:
        noise, levels = "correlated", relative_levels(whose.correlation, x).flatten(1)
    tiled = Tiled(partial(_variance, network, network.kind(whose.name, noise), levels), denoise.size, network.reach)
    pairs = torch.stack([x, clean], dim=2).flatten(0, 1)
    return tiled(pairs, sigma)[:, :1].reshape(x.shape)


def _of_volume(denoise: Volume, whose: Learnt, x: Tensor, sigma: float, counted: bool) -> Tensor:
    """Return the same for a volume, whose estimate is a weighted mean of three.

    The squared error of a weighted mean is the weighted mean of the squared errors less the weighted variance of the estimates
    around it (Krogh & Vedelsby 1995).
    """
    directions = denoise.directions(x)
    estimates = {axis: denoise.along(x, sigma, axis) for axis in directions}
    total = sum(directions.values())
    shares = {axis: weight / total for axis, weight in directions.items()}
    mean = sum(share * estimates[axis] for axis, share in shares.items())
    single, apart = torch.zeros_like(x), torch.zeros_like(x)
    for axis, share in shares.items():
        planes, cleaned = (each.movedim(axis, 1) for each in (x, estimates[axis]))
        shape = planes.shape
        planes, cleaned = (each.reshape(-1, 1, *shape[3:]) for each in (planes, cleaned))
        found = _of_planes(denoise.planes, whose, planes, cleaned, sigma, counted)
        single += share * found.reshape(shape).movedim(1, axis)
        apart += share * ((estimates[axis] - mean) / sigma).square()
    return (single - smoothed(apart, DISAGREEMENT)).maximum(LEAST * single)


def _variance(network: ErrorNetwork, kind: int, levels: Tensor, pairs: Tensor, sigma: float | Tensor) -> Tensor:
    """Return the variance of the error over that of the noise, shape (B, 1, Y, X), of noisy and clean planes (B, 2, Y, X)."""
    from napari_tweedie.denoisers.error_network import seen

    kinds = torch.full((len(pairs),), kind, device=pairs.device)
    told = levels.expand(len(pairs), -1)
    made: Tensor = network(seen(pairs[:, :1], pairs[:, 1:], level_maps(sigma, pairs), told), kinds, told)
    return made.exp()
