"""Noise level from place to place: of parallel MRI, of images evened for vignetting, of tiles that were put together.

The finest detail of small squares tells the noise at a place, where coarser detail beside it is no stronger: texture has more of
that. Where there is texture its finest detail is a bound. Levels differ for certain where a place without texture has far more
than the bound of others, and neither brightness nor texture explains it.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_tweedie.analysis.noise_squares import SIDE, TEXTURED, WINDOW, Squares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FEWEST, ALONE = 16, 6
"""Windows of a plane, and how many without texture, that there must be."""
ENOUGH = 0.15
"""Share of the windows that must be without texture."""
DIFFERENT = 0.5
"""Logarithm of the ratio of strong to weak noise from which on it differs: white noise of 10 on 93 photographs, micrographs and
textures had at most 0.36 where texture did not explain it, at 5 at most 0.52."""
CERTAIN = 0.8
"""The same, from which on it does even if texture seems to go with it, as it may by chance in few windows."""
BEYOND_LIGHT = 0.6
"""Share of that ratio's logarithm which must be left among places of the same brightness."""
OF_TEXTURE = 0.25
"""Correlation of level and texture up to which levels are not those of texture: strong noise hides it, weak noise does not."""
FAINT = 0.02
"""Level of the strong noise, in ranges of the image, below which it does not matter."""
MOST_SQUARES = 64
"""Levels along an axis that are kept; larger images have one for several squares."""
MOST_PIXELS = 2**22
"""Pixels that are looked at: of large planes, fewer planes."""
STEPS = 254
"""Steps of a level that are told apart, in its logarithm, when it is written down."""


@dataclass(frozen=True)
class NoiseMap:
    """How many times as strong as on the whole, in root mean square, noise is from place to place.

    Parameters
    ----------
    shape : tuple of int
        Height and width, in pixels, of the planes it is of.
    levels : tuple of tuple of float
        Levels in the middles of as many rectangles, row by row; empty where noise is the same everywhere.
    start : tuple of int
        Row and column of the planes from which on pixels are counted.
    """

    shape: tuple[int, int]
    levels: tuple[tuple[float, ...], ...]
    start: tuple[int, int] = (0, 0)

    def __bool__(self) -> bool:
        return bool(self.levels)

    @classmethod
    def of(cls, shape: Sequence[int], levels: NDArray[np.float64]) -> Self:
        """Return the map with some levels, each rounded to one of the steps that are told apart."""
        low, high = float(levels.min()), float(levels.max())
        steps = np.round(STEPS * np.log(levels / low) / np.log(high / low))
        return cls((int(shape[0]), int(shape[1])), _steps(low, high, steps))

    @classmethod
    def measured(
        cls, planes: Sequence[NDArray[Any]], light: Sequence[NDArray[Any]] | None = None, dark: float = -np.inf
    ) -> Measured:
        """Measure planes whose noise brightness does not make differ, as far as that is known.

        Parameters
        ----------
        planes : sequence of array
            Planes (Y, X) of one shape, with missing pixels as NaN, in units in which noise does not follow brightness.
        light : sequence of array, optional
            The same planes in grey levels, if these are others.
        dark : float
            Mean grey level of places that are too dark to tell.
        """
        light = planes if light is None else light
        shape = planes[0].shape
        squares = shape[0] // SIDE, shape[1] // SIDE
        if (squares[0] // WINDOW) * (squares[1] // WINDOW) < FEWEST or any(plane.shape != shape for plane in planes):
            return Measured()
        some = max(1, min(len(planes), MOST_PIXELS // planes[0].size))
        chosen = np.unique(np.linspace(0, len(planes) - 1, some).astype(int))
        found = [Squares.of(planes[n], light[n], dark) for n in chosen]
        if not _differ(found, FAINT * max(_range(planes[n]) for n in chosen)):
            return Measured()
        logs = np.median([each.smooth() for each in found], axis=0)
        levels = _thinned(np.exp(logs))
        whole = float(np.sqrt(np.mean(levels**2)))
        misfit = float(np.mean([each.misfit(logs) for each in found]))
        return Measured(cls.of(shape, levels / whole), whole, misfit)

    def times(self, factor: float) -> NoiseMap:
        """Return it with all levels so many times as high."""
        return replace(self, levels=tuple(tuple(factor * level for level in row) for row in self.levels))

    def over(self, shape: Sequence[int]) -> NDArray[np.float32]:
        """Return the level of every pixel of a region (Y, X) that begins at `start`."""
        axes, levels = [], np.array(self.levels)
        for length, whole, count, start in zip(shape, self.shape, levels.shape, self.start, strict=True):
            side = (whole // SIDE) * SIDE / count
            axes.append(np.clip((np.arange(start, start + length) + 0.5) / side - 0.5, 0, count - 1))
        rows, columns = axes
        top, left = (np.minimum(place.astype(int), max(count - 2, 0)) for place, count in zip(axes, levels.shape, strict=True))
        below, right = (np.minimum(first + 1, count - 1) for first, count in zip((top, left), levels.shape, strict=True))
        variances = levels**2
        down, across = (rows - top)[:, None], columns - left
        along = variances[top] * (1 - down) + variances[below] * down
        return np.sqrt(along[:, left] * (1 - across) + along[:, right] * across).astype(np.float32)

    def beginning(self, row: int, column: int) -> NoiseMap:
        """Return it for pixels that are counted from a place on."""
        return replace(self, start=(self.start[0] + row, self.start[1] + column)) if self else self

    def words(self, level: float | None) -> str:
        """Say between which levels noise is that is of a level on the whole, or, None: how many times as strong as it follows."""
        ends = np.quantile(self.levels, (0.02, 0.98))
        weak, strong = (f"{(level or 1.0) * end:.3g}" for end in ends)
        differs = "it differs between parts of the image"
        return f"{differs}, {weak} to {strong}" if level else f"{differs}, {weak} to {strong} times that"

    def describe(self) -> dict[str, Any]:
        """Return it ready for JSON: levels as steps between the ends, row by row, compressed, in base 64."""
        levels = np.array(self.levels)
        low, high = float(levels.min()), float(levels.max())
        steps = np.round(STEPS * np.log(levels / low) / np.log(high / low)).astype(np.uint8)
        packed = base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode()
        return {"shape": list(self.shape), "grid": list(levels.shape), "range": [low, high], "levels": packed}

    @classmethod
    def restored(cls, report: Mapping[str, Any]) -> Self:
        """Return what `describe` described."""
        low, high = report["range"]
        steps = np.frombuffer(zlib.decompress(base64.b64decode(report["levels"])), np.uint8).reshape(report["grid"])
        height, width = report["shape"]
        return cls((height, width), _steps(low, high, steps.astype(float)))


NOWHERE = NoiseMap((0, 0), ())
"""That of noise which is the same everywhere."""


@dataclass(frozen=True)
class Measured:
    """What was measured of noise from place to place.

    Parameters
    ----------
    relative : NoiseMap
        The map, which is empty where noise is about the same everywhere.
    level : float
        The root mean square of its levels, in units of the planes.
    misfit : float
        Standard deviation of what it leaves of the logarithms of levels of places without texture.
    """

    relative: NoiseMap = NOWHERE
    level: float = 0.0
    misfit: float = np.inf

    def __bool__(self) -> bool:
        return bool(self.relative)


def _differ(found: Sequence[Squares], faint: float) -> bool:
    """Tell whether noise differs between places for certain."""
    seen = [each.windows() for each in found]
    levels = np.concatenate([level - (np.median(level) if len(seen) > 1 and len(level) else 0) for level, _, _ in seen])
    textures, lights = (np.concatenate([each[n] for each in seen]) for n in (1, 2))
    plain = textures < TEXTURED
    if len(levels) < FEWEST or plain.sum() < max(ALONE, ENOUGH * len(levels)):
        return False
    strong, weak = np.quantile(levels[plain], 0.9), np.quantile(levels, 0.1)
    highest = max(float(np.quantile(level[texture < TEXTURED], 0.9)) for level, texture, _ in seen if (texture < TEXTURED).any())
    if strong - weak < DIFFERENT or highest < np.log(faint):
        return False
    if strong - weak < CERTAIN and np.corrcoef(levels[plain], textures[plain])[0, 1] > OF_TEXTURE:
        return False
    order = np.argsort(lights, kind="stable")
    alike = np.array_split(order, max(2, min(8, len(order) // 8)))
    rest = levels.copy()
    for group in alike:
        rest[group] -= np.median(levels[group])
    left = np.quantile(rest[plain], 0.9) - np.quantile(rest, 0.1)
    return bool(left > max(DIFFERENT * BEYOND_LIGHT, BEYOND_LIGHT * (strong - weak)))


def _range(plane: NDArray[Any]) -> float:
    """Return the range of a plane, but for its darkest and brightest pixels."""
    values = plane[np.isfinite(plane)]
    return float(np.subtract(*np.percentile(values[:: max(1, values.size // 2**16)], (99.9, 0.1)))) if values.size else 0.0


def _thinned(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at most `MOST_SQUARES` levels along each axis, by the mean of neighbours' variances."""
    for axis, length in enumerate(levels.shape):
        count = min(length, MOST_SQUARES)
        parts = np.array_split(levels**2, count, axis)
        levels = np.sqrt(np.concatenate([part.mean(axis, keepdims=True) for part in parts], axis))
    return levels


def _steps(low: float, high: float, steps: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    """Return the levels of steps from the lowest to the highest, alike in their logarithms."""
    levels = low * (high / low) ** (steps / STEPS)
    return tuple(tuple(map(float, row)) for row in levels)
