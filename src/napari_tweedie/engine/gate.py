"""Gate at the engine's exit: no result leaves that is not finite, or nowhere near what its job can give."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.core.results import Output
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.recipe.recipe import Recipe

ROOM = {"denoise": 1.0, "restore": 10.0, "sample": 10.0, "decompose": 10.0}
"""How far beyond the grey levels of the image those of a result may go, in ranges of the image."""
SHARPER = 3.0
"""The same for a blur, in units of how much brighter a point may be than its blurred image: noise adds to that."""
ROOM_OF_MEASUREMENTS = 100.0
"""The same where a measurement does not look like the image: the range of a first estimate is counted then."""
LOST, TOLD = 0.1, 0.01
"""Change of the mean by denoising, in ranges of the image, that is a failure, and that is told."""
STANDARD_ERRORS = 5.0


@dataclass(frozen=True)
class Span:
    """What is known of the grey levels of a block of the image, of its finite pixels alone.

    Parameters
    ----------
    low, high, mean : float
        Of the grey levels; 0 where there is no finite pixel.
    pixels : int
        How many pixels are finite.
    complete : bool
        Whether all are.
    """

    low: float
    high: float
    mean: float
    pixels: int
    complete: bool

    @classmethod
    def of(cls, block: NDArray[Any]) -> Span:
        """Look at a block."""
        finite = block[np.isfinite(block)] if block.dtype.kind == "f" else block
        if finite.size == 0:
            return cls(0.0, 0.0, 0.0, 0, block.size == 0)
        mean = float(finite.mean(dtype=np.float64))
        return cls(float(finite.min()), float(finite.max()), mean, finite.size, finite.size == block.size)


def check_finite(recipe: Recipe, name: str, values: NDArray[Any]) -> None:
    """Refuse NaN and infinity in an estimate.

    Raises
    ------
    ValueError
        With the parameters that led there.
    """
    if not np.isfinite(values).all():
        bad = values.size - int(np.isfinite(values).sum())
        raise ValueError(f"{_who(recipe)} gave {bad} values in {name!r} that are not numbers{_way_out(recipe)}")


def check_plausible(recipe: Recipe, output: Output, result: NDArray[Any], span: Span, channel: Channel) -> str:
    """Compare a complete block of a result, in grey levels, with the block of the image that it came from.

    Returns
    -------
    str
        What the user should know, in one sentence; empty when all is well.

    Raises
    ------
    ValueError
        If the result is nowhere near; the message names the parameters that led there.
    """
    result = result[np.isfinite(result)]  # where the image has no value, nor has it
    if result.size == 0 or span.pixels == 0:
        return ""
    ends = channel.intensity.back(np.array([0.0, 1.0])).astype(np.float64)
    looks_like_it = recipe.degradation.is_image or not recipe.inverts
    low, high = (span.low, span.high) if looks_like_it else (float(ends[0]), float(ends[1]))
    range_ = max(high - low, float(ends[1] - ends[0]))  # a dead frame of a movie counts by the movie's
    sharper = SHARPER * recipe.degradation.amplification(3 if recipe.volume else 2) if recipe.inverts else 0.0
    room = (max(ROOM[recipe.job], sharper) if looks_like_it else ROOM_OF_MEASUREMENTS) * range_ + _rounding(
        low, high, result.dtype
    )
    if output.kind != "image":
        low = high = 0.0
        room *= 2
    lowest, highest = float(result.min()), float(result.max())
    if output.power == 1 and (lowest < low - room or highest > high + room):
        raise ValueError(
            f"{_who(recipe)} gave {output.name!r} values from {lowest:.4g} to {highest:.4g}, while the image spans {low:.4g} to "
            f"{high:.4g}, at a noise level of {channel.sigma:.4g}{_way_out(recipe)}"
        )
    if recipe.job != "denoise" or output.kind != "image" or not recipe.denoiser.keeps_mean:
        return ""
    mean = float(result.mean(dtype=np.float64))
    chance = STANDARD_ERRORS * channel.sigma / span.pixels**0.5 + _rounding(low, high, result.dtype)
    change = abs(mean - span.mean)
    told = f"{_who(recipe)} changed the mean from {span.mean:.6g} to {mean:.6g} at a noise level of {channel.sigma:.4g}"
    if change > LOST * range_ + chance:
        raise ValueError(f"{told}, more than a tenth of the range of the image{_way_out(recipe)}")
    return f"{told[:1].upper()}{told[1:]}: {change / range_:.1%} of the range." if change > TOLD * range_ + chance else ""


def json_ready(facts: Any) -> Any:
    """Return facts as JSON takes them: None for numbers that are not finite, numbers of NumPy as those of Python."""
    if isinstance(facts, Mapping):
        return {str(key): json_ready(value) for key, value in facts.items()}
    if isinstance(facts, str):
        return facts
    if isinstance(facts, Sequence | np.ndarray):
        return [json_ready(value) for value in facts]
    value = facts.item() if isinstance(facts, np.generic) else facts
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _who(recipe: Recipe) -> str:
    parts = {"restore": (recipe.degradation, recipe.solver), "sample": (recipe.degradation, recipe.sampler)}
    involved = [recipe.denoiser, *parts.get(recipe.job, ())]
    if recipe.job == "restore" and not recipe.solver.uses_denoiser:
        involved = involved[1:]
    if recipe.job in ("degrade", "blend"):
        involved = [recipe.degradation] if recipe.job == "degrade" else []
    return f"{recipe.job} with {', '.join(repr(method.name) for method in involved)}" if involved else recipe.job


def _way_out(recipe: Recipe) -> str:
    advice = "give a noise level that suits the image, or choose another denoiser"
    if recipe.inverts:
        advice = "check degradation and noise level, give fewer iterations, or choose another method"
    return f": {advice}; the image is untouched"


def _rounding(low: float, high: float, dtype: np.dtype[Any]) -> float:
    """Return what the type of a result may make of grey levels in this range."""
    return 8 * float(np.spacing(dtype.type(max(abs(low), abs(high))))) if dtype.kind == "f" else 1.0
