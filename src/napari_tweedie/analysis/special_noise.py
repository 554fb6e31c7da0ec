"""Noise that is neither Gaussian nor photon noise of one law: of magnitudes, speckle, and levels that differ from place to place.

Each is looked for on what `identify_noise` found, and taken where the image is certain of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from numpy.typing import NDArray

from napari_tweedie.analysis.noise_kind import NoiseKind, anscombe_of, seen_of, shape_of
from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.analysis.noise_map import NoiseMap
from napari_tweedie.analysis.rayleigh import rayleigh_level
from napari_tweedie.analysis.speckle import level_of_squares, looks_of, shares_noise, speckle_law
from napari_tweedie.degradations.noise import Gaussian, Poisson, Rician, Speckle
from napari_tweedie.images.speckle import Multiplicative, spread_of_logarithm

FEWEST = 3.0
"""Photons a pixel below which no noise level is told of a place."""


def of_magnitudes(kind: NoiseKind, planes: Sequence[NDArray[Any]]) -> NoiseKind:
    """Return a kind, or that of magnitudes where every pixel has its own noise and the background is of such."""
    level = rayleigh_level(planes) if kind.correlation is None and not kind.lines else None
    return kind if level is None else NoiseKind(Rician(sigma=level), None, None, "by its background, which is never dark")


def of_speckle(kind: NoiseKind, planes: Sequence[NDArray[Any]]) -> NoiseKind:
    """Return a kind, or that of multiplicative noise where its level is the same share of every brightness."""
    if isinstance(kind.noise, Rician) or kind.lines:
        return kind
    law = speckle_law([seen_of(plane) for plane in planes])
    return kind if law is None else speckle(planes, *law, "as strong a share of the signal at every brightness")


def in_places(kind: NoiseKind, planes: Sequence[NDArray[Any]]) -> NoiseKind:
    """Return a kind, or one whose level differs from place to place where that is certain; its level is that of the whole.

    `planes` are those that it was found on, all of the same place. Where photon noise was found that differs, too, noise
    that does not follow the light may explain more; what is left between places tells.
    """
    if kind.correlation is not None or isinstance(kind.noise, Rician | Speckle) or not planes:
        return kind
    planes = [kind.lines.without(plane) for plane in planes]
    if not isinstance(kind.noise, Poisson):
        plain = NoiseMap.measured(planes)
        return replace(kind, noise=Gaussian(sigma=plain.level), places=plain.relative) if plain else kind
    assert kind.noise.gain is not None
    assert kind.noise.offset is not None
    anscombe, dark = anscombe_of(kind.noise), kind.noise.offset + FEWEST * kind.noise.gain
    even = NoiseMap.measured([anscombe.forward(plane) for plane in planes], planes, dark)
    if not even:
        return kind
    plain = NoiseMap.measured(planes)
    if plain and plain.misfit < even.misfit:
        noise, reason = Gaussian(sigma=plain.level), "not following the brightness as much as the place"
        return replace(kind, noise=noise, places=plain.relative, reason=reason)
    return replace(kind, places=even.relative.times(even.level))


def speckle(
    planes: Sequence[NDArray[Any]],
    looks: float,
    floor: float,
    reason: str,
    correlation: Literal["auto", "white", "correlated"] = "auto",
    known: bool = False,
) -> NoiseKind:
    """Return multiplicative noise of about so many looks, which are told better where it is even, and its correlation.

    Parameters
    ----------
    planes
        2-D arrays (Y, X) of any real dtype, missing pixels as NaN.
    looks, floor : float
        About what `speckle_law` found.
    reason : str
        Why this model.
    correlation : str
        What is known of it.
    known : bool
        Whether the looks are.
    """
    even = [Multiplicative(looks, floor).forward(plane) for plane in planes]
    if correlation == "auto" and shares_noise(even, looks):
        correlation = "correlated"
    shape, level = shape_of(even, correlation, False)
    level = estimate_stack_noise_level(even) if shape is None else max(level, level_of_squares(even))
    if not known and level > 0:
        looks = looks_of(level * spread_of_logarithm(looks))
    return NoiseKind(Speckle(looks=looks, floor=floor, correlated=shape is not None), None, shape, reason)
