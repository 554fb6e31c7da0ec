"""Offsets of whole rows and columns: what the electronics of a detector add to every pixel of a line, measured and taken off.

The mean difference of a row from the next, over pixels and heedless of outliers, is that of their offsets, and of the image
where its structures lie along the rows. Four parts of the width tell the two apart: offsets are the same in all of them, and,
where they are independent from row to row, as strong at every frequency; structures of the image are neither. A wave along the
columns, hum of the mains or a pattern of the amplifiers, is a single frequency that all parts share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PARTS = 4
"""Parts of the length of a line that are compared."""
SHORTEST, ENOUGH, MOSTLY = 64, 512, 0.5
"""Pixels that a plane must have along both axes, how many of a line are looked at, and the share of them that must be known."""
USUAL = 1.5
"""Robust standard deviations beyond which a difference of neighbours counts as no more than that."""
EDGE = 4.0
"""The same for differences of whole lines, which are edges of the image beyond."""
BANDS = ((0.125, 0.25), (0.25, 0.375), (0.375, 0.5))
"""Cycles a pixel; all of them hold offsets that are independent from line to line."""
CERTAIN, FLAT = 4.0, 0.35
"""Standard errors that the variance of offsets must exceed in each of them, and the least share of the largest that the
smallest is: on photographs the variance falls from the first to the last, to 0.26 or less where all exceed their errors."""
WEAKEST, MOST = 0.05, 5.0
"""Noise levels of a pixel that offsets, or the amplitude of a wave, must have to be worth it; and what offsets have at most."""
SLOWEST, SHARP, SHARED, STRONGEST = 0.1, 10.0, 0.8, 1.5
"""Waves: the least frequency in cycles a pixel, how many times more power than beside it, the share of the power that all parts
have in common, and the most noise levels of its amplitude: what is stronger is a specimen with stripes."""
BESIDE, NEXT = 16, 3
"""Frequencies on either side that a wave is compared with, but for the nearest."""
MOST_WAVES = 6
SOME = 5
"""Of so many pixels one tells how much pixels usually differ."""
FINER = 32
"""Fractions of a frequency to which that of a wave is found."""
SMOOTHED = 9
"""Neighbouring frequencies whose mean power tells how much of it is offsets."""


@dataclass(frozen=True)
class Offsets:
    """What lines along one axis have in common.

    Parameters
    ----------
    level : float
        Standard deviation of offsets that are independent from line to line, in grey levels; 0: none.
    waves : tuple of float
        Frequencies, in cycles a pixel, of waves from line to line.
    """

    level: float = 0.0
    waves: tuple[float, ...] = ()

    def __bool__(self) -> bool:
        return self.level > 0 or bool(self.waves)

    def of(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the offset of every row of a plane (Y, X) without missing pixels, shape (Y,), with a mean of 0."""
        steps = _limited(_steps(plane)[0])
        offsets = np.zeros(len(plane))
        if self.waves:
            offsets += _waves(steps, self.waves)
            steps = steps - np.diff(offsets)
        if self.level:
            offsets += _independent(steps, self.level)
        return np.asarray(offsets - offsets.mean())

    def words(self, lines: str) -> str:
        """Say what they are, of rows or columns."""
        told = []
        if self.level:
            told.append(f"{lines} are shifted by {self.level:.3g}")
        if self.waves:
            periods = ", ".join(f"{1 / wave:.3g}" for wave in self.waves)
            told.append(f"{lines} share a wave with a period of {periods} pixels")
        return " and ".join(told)


@dataclass(frozen=True)
class LineOffsets:
    """What rows and columns of a channel have in common."""

    rows: Offsets = Offsets()
    columns: Offsets = Offsets()

    @classmethod
    def measured(cls, planes: Sequence[NDArray[Any]]) -> Self:
        """Measure planes (Y, X), missing pixels as NaN."""
        large = [plane for plane in planes if min(plane.shape) >= SHORTEST and np.isfinite(plane).mean() > MOSTLY]
        if not large:
            return cls()
        rows, columns = (
            [_complete(plane[:, :: max(1, plane.shape[1] // ENOUGH)]) for plane in turned]
            for turned in (large, [plane.T for plane in large])
        )
        return cls(_found(rows), _found(columns))

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """Build it from what `describe` returned."""
        return cls(*(Offsets(stored[name]["level"], tuple(stored[name]["waves"])) for name in ("rows", "columns")))

    def describe(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {name: {"level": of.level, "waves": list(of.waves)} for name, of in self._both}

    def __bool__(self) -> bool:
        return bool(self.rows or self.columns)

    @property
    def _both(self) -> tuple[tuple[str, Offsets], ...]:
        return ("rows", self.rows), ("columns", self.columns)

    def words(self) -> str:
        """Say what is taken off."""
        return " and ".join(of.words(name) for name, of in self._both if of)

    def without(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a plane (Y, X), missing pixels as NaN, with the offsets of its lines taken off."""
        if not self or min(plane.shape) < SHORTEST or not np.isfinite(plane).any():
            return plane
        complete = _complete(plane)
        taken: Any = 0.0
        if self.rows:
            taken = self.rows.of(complete)[:, None]
        if self.columns:
            taken = taken + self.columns.of((complete - taken).T)
        return np.asarray(plane - taken, dtype=np.result_type(plane.dtype, np.float32))


NO_LINES = LineOffsets()


def _complete(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return a plane as numbers, the median in place of missing pixels."""
    values = plane.astype(np.float64)
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.median(values[finite]))


def _steps(plane: NDArray[np.float64], parts: int = 1) -> NDArray[np.float64]:
    """Return the usual difference of each row to the next, in parts of the width; shape (parts, Y − 1)."""
    steps = []
    for part in np.array_split(np.diff(plane, axis=0), parts, axis=1):
        middle = np.median(part, axis=1, keepdims=True)
        around = part - middle
        usual = USUAL * (1.4826 * float(np.median(np.abs(around.ravel()[::SOME]))) or float(around.std()))
        steps.append(middle[:, 0] + np.clip(around, -usual, usual).mean(1))
    return np.array(steps)


def _limited(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    most = EDGE * 1.4826 * float(np.median(np.abs(steps)))
    return np.clip(steps, -most, most)


def _spectra(plane: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return frequencies, and the power of the offsets of rows that parts of the width share, and that they have in the mean."""
    steps = _limited(_steps(plane, PARTS))
    taper = np.hanning(steps.shape[1] + 2)[1:-1]
    frequencies = np.fft.rfftfreq(steps.shape[1]).astype(np.float64)
    found = np.fft.rfft(steps * taper, axis=1) / (2 * np.sin(np.pi * np.maximum(frequencies, 1e-3)))
    found /= float((taper**2).sum()) ** 0.5
    own = (np.abs(found) ** 2).sum(0)
    shared = (np.abs(found.sum(0)) ** 2 - own) / (PARTS * (PARTS - 1))
    return frequencies, shared, own / PARTS


def _found(planes: Sequence[NDArray[np.float64]]) -> Offsets:
    """Measure the offsets of rows: those of the plane in the middle."""
    each = [_of_plane(plane) for plane in planes]
    return sorted(each, key=lambda found: (len(found.waves), found.level))[len(each) // 2]


def _of_plane(plane: NDArray[np.float64]) -> Offsets:
    across = np.abs(np.diff(plane, axis=1))
    noise_level = (
        1.4826 / 2**0.5 * (float(np.median(across.ravel()[::SOME])) or float(across.mean()))
    )  # a little of the texture counts in
    if not noise_level > 0:
        return Offsets()
    frequencies, shared, own = _spectra(plane)
    waves = _sharp(plane, frequencies, shared, own, noise_level)
    beside = np.ones(len(frequencies), bool)
    for wave in waves:
        beside &= np.abs(frequencies - wave) > NEXT / plane.shape[0]
    variances = []
    for low, high in BANDS:
        band = beside & (frequencies >= low) & (frequencies <= high)
        variances.append(float(shared[band].mean()))
        if variances[-1] < CERTAIN * own[band].mean() / band.sum() ** 0.5 * _SHARE:
            return Offsets(0.0, waves)
    level = float(np.mean(variances) ** 0.5)
    worth = min(variances) > FLAT * max(variances) and WEAKEST * noise_level < level < MOST * noise_level
    return Offsets(float(f"{level:.6g}") if worth else 0.0, waves)


_SHARE = 0.41
"""Standard deviation of the shared power, next to the mean, of parts that share nothing, neighbouring frequencies being alike."""


def _sharp(
    plane: NDArray[np.float64],
    frequencies: NDArray[np.float64],
    shared: NDArray[np.float64],
    own: NDArray[np.float64],
    noise_level: float,
) -> tuple[float, ...]:
    """Return the frequencies that all parts share, and that those beside do not have."""
    length = plane.shape[0] - 1
    amplitude = 1 / (length * 0.5**2 / 0.375 / 4) ** 0.5  # of a wave of unit power, under the taper
    found: list[float] = []
    for place in np.argsort(shared)[::-1][: 3 * MOST_WAVES]:
        near = np.arange(max(0, place - BESIDE), min(len(own), place + BESIDE + 1))
        near = near[(np.abs(near - place) > NEXT) & (frequencies[near] >= SLOWEST / 2)]
        if not near.size or frequencies[place] < SLOWEST or any(abs(frequencies[place] - f) <= NEXT / length for f in found):
            continue
        strength = amplitude * max(0.0, float(shared[place])) ** 0.5 / noise_level
        if (
            shared[place] > SHARP * np.median(own[near])
            and shared[place] > SHARED * own[place]
            and WEAKEST < strength < STRONGEST
        ):
            found.append(_refined(plane, float(frequencies[place])))
    return tuple(sorted(found[:MOST_WAVES]))


def _refined(plane: NDArray[np.float64], frequency: float) -> float:
    """Return the frequency near one given at which the steps between rows have most power."""
    steps = _limited(_steps(plane)[0])
    near = np.clip(frequency + np.arange(-FINER, FINER + 1) / (FINER * len(steps)), 0, 0.5)
    taper = np.hanning(len(steps) + 2)[1:-1]
    power = np.abs(np.exp(-2j * np.pi * near[:, None] * np.arange(len(steps))) @ (steps * taper)) / np.sin(np.pi * near)
    return float(f"{near[int(np.argmax(power))]:.6g}")


def _waves(steps: NDArray[np.float64], waves: Sequence[float]) -> NDArray[np.float64]:
    """Return the waves of some frequencies that fit the steps from line to line best, at every line."""
    phases = 2 * np.pi * np.outer(np.arange(len(steps) + 1), waves)
    basis = np.concatenate([np.cos(phases), np.sin(phases)], 1)
    return np.asarray(basis @ np.linalg.lstsq(np.diff(basis, axis=0), steps, rcond=1e-6)[0])


def _independent(steps: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return offsets of one level by Wiener's filter: at every frequency the share of the power that is theirs."""
    from scipy.fft import dct, idct
    from scipy.ndimage import uniform_filter1d

    found = dct(np.concatenate([[0.0], np.cumsum(steps)]), norm="ortho")
    power = uniform_filter1d(found**2, SMOOTHED, mode="nearest")
    return np.asarray(idct(found * np.minimum(1.0, level**2 / np.maximum(power, 1e-30)), norm="ortho"))
