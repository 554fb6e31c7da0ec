"""Measurements that do not look like an image: their components, and what is known of their noise and grey levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.noise_kind import identify_noise
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.engine.channel import Channel
from napari_tweedie.images.intensity import Intensity
from napari_tweedie.images.missing import mean_level

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.degradations import Degradation
    from napari_tweedie.recipe.recipe import Recipe

CLEAR = 1.5
"""How many times the error of the model the noise of photons must be, so that it is not what few angles make look like it."""


def components_of(image: Any, degradation: Degradation) -> list[Any]:
    """Return the components of a measurement, which lie along the first axis, or are the parts of complex numbers there.

    Raises
    ------
    ValueError
        If they are not as many as the degradation gives.
    """
    if np.dtype(image.dtype).kind == "c":
        coils = [image] if image.ndim == 2 else [image[number] for number in range(len(image))]
        found = [part for coil in coils for part in (coil.real, coil.imag)]
    else:
        found = [image[number] for number in range(len(image))] if image.ndim > 2 else []
    if not degradation.takes(len(found)):
        raise ValueError(
            f"a measurement by {degradation.name!r} has {degradation.components()} components (real and imaginary parts) "
            f"along its first axis; this image has shape {tuple(image.shape)}"
        )
    return found


def channel_of(
    recipe: Recipe,
    known: Sequence[tuple[Degradation, Tensor]],
    planes: Sequence[NDArray[Any]],
    starts: Sequence[NDArray[Any]],
) -> Channel:
    """Return what is known of a channel.

    Parameters
    ----------
    recipe : Recipe
        What is known of the noise.
    known : sequence
        Degradations of some blocks and their measurements, which may tell its level.
    planes : sequence of array
        Planes of the measurement.
    starts : sequence of array
        Planes of first estimates of the image.

    Raises
    ------
    ValueError
        If the level is neither given nor told.
    """
    noise = recipe.noise
    sigma = noise.level(mean_level(planes))
    if sigma is None and not isinstance(noise, Poisson):
        levels = [level for degradation, y in known if (level := degradation.noise_level(y)) is not None]
        if recipe.degradation.has_noise_of_images:
            own = max(degradation.model_error(y) for degradation, y in known)
            levels = [float(np.hypot(_level(planes, own), own))]
        if levels:
            sigma = float(np.median(levels))
            noise = Gaussian(sigma=sigma)
    if sigma is None:
        raise ValueError(f"the noise level of a measurement by {recipe.degradation.name!r} cannot be estimated: give it")
    return Channel(Intensity.of(starts), sigma, noise)


def _level(planes: Sequence[NDArray[Any]], own: float) -> float:
    """Return the level of the noise of sinograms, whose model has an error of its own.

    The plainest parts tell it, unless it is that of photons: those are air then, where there are hardly any. Neighbours share
    structure in a sinogram, and no noise.
    """
    plain = Channel.of(planes, Gaussian()).sigma
    found = identify_noise(planes, correlation="white").noise
    counted = found.level(mean_level(planes)) if isinstance(found, Poisson) else None
    return plain if counted is None or counted < CLEAR * own else max(plain, counted)
