"""Noise of copies that the JPEG method compressed: how strong it was before the finest detail was rounded away.

That method takes squares of 8 × 8 pixels to frequencies and rounds every coefficient to a multiple of a step of its own (ITU-T
T.81). The multiples are still there in what was decompressed, but for the rounding of the pixels, so that squares and steps are
read from an image with certainty (Fan & de Queiroz, IEEE TIP 12, 2003), where borders of squares may as well belong to it. Noise
that is weaker than half a step mostly vanishes; its level before follows from what is left where steps are small.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 8
"""Pixels of a square along each axis."""
FEWEST, MOST_SQUARES, FOR_PLACE = 48, 1024, 192
"""Squares that are needed, that are looked at, and that tell where squares begin."""
LARGEST = 255
"""The largest value of the images that are compressed."""
NEAR_ZERO = 0.8
"""What the rounding of pixels makes of a coefficient of zero, at most, mostly."""
STEPS = np.arange(3, 100)
"""Steps that are looked for: smaller ones drown in the rounding of pixels, and hide no noise."""
MULTIPLES, AGREE, COEFFICIENTS = 16, 0.75, 6
"""Values of a coefficient other than zero that tell its step, their mean cosine (1 for multiples, 0 for any value), and how many
coefficients must have one."""
STANDS_OUT = 1.4
"""How many times as many coefficients must be zero where squares begin as elsewhere."""
HIDDEN = 0.27
"""Noise levels in steps below which nothing is left of the noise."""
FALLING, IN_DOUBT = 1.6, 0.7
"""How many times the level that the finest detail tells that of coarse detail may be, as noise has one level and texture fades;
where it is more, the finest may be texture, too, and so much of it is taken."""
SLOWEST = 2.0
"""Coefficients below this radius hold most of the image."""

_RADIUS = np.hypot(*np.indices((SIDE, SIDE)))


@dataclass(frozen=True)
class Compression:
    """The steps to which coefficients were rounded, shape (8, 8), in grey levels; NaN where they are unknown."""

    steps: NDArray[np.float64]

    @classmethod
    def of(cls, planes: Sequence[NDArray[Any]]) -> Self | None:
        """Read it from some planes (Y, X); None where one of them was not compressed, or nothing of it is seen."""
        found = [_steps(plane) for plane in planes]
        every = [steps for steps in found if steps is not None]
        return cls(np.median(every, axis=0)) if every and len(every) == len(found) else None

    def level(self, power: NDArray[np.float64]) -> float:
        """Return the noise level before compression; 0 where all of it is hidden.

        Parameters
        ----------
        power : array
            Power of the noise that is left at the frequencies of the cosine transform, shape (16, 16).
        """
        doubled = np.pad(power, ((1, 1), (1, 1)), mode="edge")
        left = sum(doubled[1 + y : 17 + y : 2, 1 + x : 17 + x : 2] for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9
        levels, shares = _before()
        with np.errstate(invalid="ignore"):
            before = np.interp(left / self.steps**2, shares, levels)
        before[~(before >= HIDDEN) | (_RADIUS < SLOWEST)] = np.nan
        before *= self.steps
        rings = [before[np.abs(_RADIUS - radius) <= 0.75] for radius in (2.75, 3.75, 4.75, 5.75, 6.75)]
        told = [float(np.nanmedian(ring)) for ring in rings if np.isfinite(ring).sum() >= 2]
        level = min(told, default=0.0)  # the image adds to what is left, most at coarse detail
        return IN_DOUBT * level if level and told[0] > FALLING * level else level


def _steps(plane: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return the steps of a plane; None where there are none."""
    from scipy.fft import dctn

    if min(plane.shape) < 2 * SIDE or not _may_be(plane):
        return None
    windows = sliding_window_view(plane, (SIDE, SIDE))
    shares = np.zeros((SIDE, SIDE))
    for y in range(SIDE):
        for x in range(SIDE):
            squares = _some(windows[y::SIDE, x::SIDE], FOR_PLACE)
            if len(squares) < min(FEWEST, FOR_PLACE):
                return None
            shares[y, x] = (np.abs(dctn(squares, axes=(1, 2), norm="ortho")) < NEAR_ZERO).mean()
    if shares.max() < STANDS_OUT * np.median(shares):
        return None
    y, x = (int(first) for first in np.unravel_index(shares.argmax(), shares.shape))
    coefficients = dctn(_some(windows[y::SIDE, x::SIDE], MOST_SQUARES), axes=(1, 2), norm="ortho").reshape(-1, SIDE**2)
    agree = np.zeros((len(STEPS), SIDE**2))
    for number, step in enumerate(STEPS):
        other = np.abs(coefficients) > step / 2
        count = other.sum(0)
        cosines = np.where(other, np.cos(2 * np.pi / step * coefficients), 0).sum(0)
        agree[number] = np.where(count >= MULTIPLES, cosines / np.maximum(count, 1), 0)
    agree[:, 0] = 0
    known = agree.max(0) > AGREE
    if known.sum() < COEFFICIENTS:
        return None
    steps = np.where(known, STEPS[agree.argmax(0)], np.nan)  # the rounding of pixels blurs multiples of its divisors more
    return np.asarray(steps.reshape(SIDE, SIDE), np.float64)


def _may_be(plane: NDArray[Any]) -> bool:
    """Tell whether a plane, missing pixels as NaN, holds whole numbers from 0 to 255."""
    for some in (plane[:SIDE], plane):  # the first rows tell it of most
        known = some[np.isfinite(some)]
        if known.size and (known.min() < 0 or known.max() > LARGEST or (known != np.rint(known)).any()):
            return False
    return bool(known.size)


def _some(squares: NDArray[Any], most: int) -> NDArray[np.float32]:
    """Return at most so many of squares (Y, X, 8, 8), evenly spread, that are complete and not constant."""
    chosen = np.unique(np.linspace(0, squares.shape[0] * squares.shape[1] - 1, most).astype(int))
    found = squares[np.unravel_index(chosen, squares.shape[:2])].astype(np.float32)
    return np.asarray(found[np.isfinite(found).all((1, 2)) & (np.ptp(found, axis=(1, 2)) > 0)])


@functools.lru_cache(maxsize=1)
def _before() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return noise levels in steps, and the variance that rounding to steps leaves of such noise."""
    from scipy.special import ndtr

    levels = np.concatenate([np.linspace(0.1, 2, 96), np.linspace(2.1, 40, 400)])
    multiples = np.arange(1, 200)[:, None]
    shares = 2 * (multiples**2 * (ndtr((multiples + 0.5) / levels) - ndtr((multiples - 0.5) / levels))).sum(0)
    return levels, shares
