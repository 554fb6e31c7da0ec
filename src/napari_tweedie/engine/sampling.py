"""Samples of an image: the planes that its noise and its range are measured on, and noise that differs between frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.impulses import find_impulses, impulse_values, resampled
from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.analysis.outliers import MANY
from napari_tweedie.degradations.noise import Auto, Camera, Gaussian
from napari_tweedie.engine.channel import Channel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.recipe.recipe import Recipe

PLANES = 4
"""Blocks of a channel, and planes of a block, that its range and its noise are measured on."""
LOOKED_AT = 16
"""Of at most so many, evenly spread, the content is looked at to choose them."""
STEP = 4
"""Every so many pixels along each axis tell the contrast of a plane."""
DRIFT = 2.5
"""How many times more than the contrast the variance of noise must grow from frame to frame to drift."""
DIFFERENT = 1.25
"""How many times stronger or weaker the noise of a frame must be than that of its channel to be removed as its own."""
TURNS = 3
"""How often the noise is measured, at most, where many pixels turn out to be bad."""


def chosen(count: int, planes_of: Callable[[int], Sequence[NDArray[Any]]]) -> list[int]:
    """Return which of several images a measurement should see: those with most contrast, and a usual one.

    A thin specimen is in few planes of a stack, and planes without light tell nothing of how noise grows with it.

    Parameters
    ----------
    count : int
        How many images there are.
    planes_of : callable
        Returns the planes (Y, X) of one of them, missing pixels as NaN.
    """
    numbers = spread(count, LOOKED_AT)
    if len(numbers) <= PLANES:
        return numbers
    ranked = sorted(numbers, key=lambda number: -max(map(contrast, planes_of(number)), default=0.0))
    return sorted([*ranked[: PLANES - 1], ranked[len(ranked) // 2]])


def known_from(planes: Sequence[NDArray[Any]], recipe: Recipe, colour: bool, leaves_out: bool, whole: bool) -> Channel:
    """Return what is known of a channel by some of its planes, measured again where some of their pixels are left out.

    Parameters
    ----------
    planes : sequence of array
        Planes (Y, X), those of colour (3, Y, X), in grey levels, of a camera once its pixels are evened; missing pixels as NaN.
    recipe : Recipe
        What is known of the noise.
    colour : bool
        Whether they are of colour.
    leaves_out : bool
        Whether outliers are left out.
    whole : bool
        Whether the planes are whole ones, and so all of the same place.
    """
    noise = recipe.noise.remaining() if isinstance(recipe.noise, Camera) else recipe.noise
    known: dict[str, Any] = {"noise": noise, "stabilises": recipe.stabilises, "blur": recipe.kernel}
    if colour:
        return Channel.of_colour(planes, **known)
    known["lines"] = recipe.takes_lines_off
    known["magnitudes"] = recipe.job in ("denoise", "restore", "sample")
    known["places"] = whole and known["magnitudes"]
    impulses = impulse_values(planes) if leaves_out else ()
    planes = [resampled(plane, find_impulses(plane, impulses)) for plane in planes]
    channel = Channel.of(planes, **known)
    if channel.correlation is not None and not channel.lines and _is_coarse(recipe) and isinstance(noise, Auto):
        white = "white" if noise.correlation == "auto" else noise.correlation
        known["noise"] = noise.model_copy(update={"correlation": white})
        channel = Channel.of(planes, **known)
    for _ in range(TURNS if leaves_out else 0):
        found = [channel.outliers(plane) for plane in planes]
        if not any(map(np.any, found)):
            break
        many = sum(map(np.count_nonzero, found)) > MANY * sum(plane.size for plane in planes)
        kept = [
            resampled(plane, outliers) if many else np.where(outliers, np.nan, plane)
            for plane, outliers in zip(planes, found, strict=True)
        ]
        channel = Channel.of(kept, **known)
        if not many:
            break
    return replace(channel, impulses=impulses)


def _is_coarse(recipe: Recipe) -> bool:
    """Tell whether pixels are larger than detail: they share no noise then, and what neighbours share is texture."""
    return recipe.inverts and max(recipe.degradation.factors(3 if recipe.volume else 2)) > 1


def spread(count: int, most: int = PLANES) -> list[int]:
    """Return the numbers of at most so many images, evenly spread over all."""
    return sorted(set(np.linspace(0, count - 1, most).astype(int).tolist())) if count else []


def contrast(plane: NDArray[Any]) -> float:
    """Return the range from the darkest to the brightest percentile of a plane (Y, X)."""
    values = plane[::STEP, ::STEP]
    values = values[np.isfinite(values)]
    return float(np.subtract(*np.percentile(values.astype(np.float64), (99.5, 1)))) if values.size else 0.0


def steady(frames: Sequence[Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
    """Return the planes of all frames, or, where noise drifts from frame to frame, of the one whose noise is in the middle.

    Photon noise has a variance that grows no more than the contrast; where it grows far more, planes of several frames would
    look like noise that follows the brightness.

    Parameters
    ----------
    frames : sequence of sequences of array
        Planes (Y, X) of every frame, missing pixels as NaN.
    """
    return drifting(frames) or [plane for planes in frames for plane in planes]


def drifting(frames: Sequence[Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
    """Return the planes of the frame whose noise is in the middle where noise drifts, see `steady`; else none."""
    if len(frames) < 2:
        return []
    levels = [estimate_stack_noise_level(planes) if planes else 0.0 for planes in frames]
    order = sorted((n for n, level in enumerate(levels) if level > 0), key=lambda n: levels[n])
    if len(order) < 2:
        return []
    weak, strong = ((float(levels[n]), max(map(contrast, frames[n]))) for n in (order[0], order[-1]))
    grown = strong[0] / weak[0]
    drifts = grown * grown * weak[1] > DRIFT * max(weak[1], strong[1])  # no quotient: a frame may have no contrast
    return list(frames[order[len(order) // 2]]) if drifts else []


def with_levels(channel: Channel, frames: Mapping[int, Sequence[NDArray[Any]]]) -> Channel:
    """Return a channel that knows the noise level of some of its frames, where some differ.

    Parameters
    ----------
    channel : Channel
        What is known of all frames.
    frames : mapping of int to sequence of array
        Planes (Y, X) of some of them, by their positions.
    """
    levels = tuple((position, of_frame(channel, planes).sigma) for position, planes in sorted(frames.items()))
    if all(level == channel.sigma for _, level in levels):
        return channel
    found = [level for _, level in levels]
    told = f"The noise differs between frames: each is denoised at its own level, {min(found):.3g} to {max(found):.3g}."
    return replace(channel, levels=levels, told=" ".join(filter(None, [channel.told, told])))


def of_frame(channel: Channel, planes: Sequence[NDArray[Any]]) -> Channel:
    """Return a channel as it is in one of its frames: with a noise level of its own, where that is certainly another one.

    Photon noise follows the light by itself; noise that correlates is taken to be the same in all frames.

    Parameters
    ----------
    channel : Channel
        What is known of all frames.
    planes : sequence of array
        Planes (Y, X) of the frame, in grey levels, missing pixels as NaN.
    """
    if not isinstance(channel.noise, Gaussian) or channel.correlation is not None or channel.sigma <= 0 or not planes:
        return channel
    if channel.places:
        return channel
    level = estimate_stack_noise_level(planes)
    if level <= 0 or 1 / DIFFERENT < level / channel.sigma < DIFFERENT:
        return channel
    return replace(channel, sigma=level, noise=Gaussian(sigma=level))
