"""Measure job: sums over regions of a denoised block and grey levels along lines, and how their errors go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.error_covariance import ErrorCovariance
from napari_tweedie.analysis.jacobian import in_float32
from napari_tweedie.analysis.learnt_errors import error_std, learnt
from napari_tweedie.analysis.profiles import points_along
from napari_tweedie.analysis.uncertainty import own_variance
from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.engine.jobs.denoise import Denoise
from napari_tweedie.engine.jobs.job import Step, Tools
from napari_tweedie.images.stabilisation import keep_light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.analysis.error_covariance import Place
    from napari_tweedie.analysis.regions import Regions
    from napari_tweedie.core.results import Output
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


@dataclass(frozen=True)
class Estimate:
    """A denoised block in grey levels, shape ([Z,] Y, X), and the law of its errors; `covariance` is None without noise.

    `least` is the least variance of every pixel: its own, which goes together with that of no other.
    """

    image: NDArray[np.float64]
    missing: NDArray[np.bool_]
    covariance: ErrorCovariance | None
    least: NDArray[np.float64]

    def response(self, weights: NDArray[np.float64], support: Place) -> tuple[Place, NDArray[np.float64]]:
        """Return the covariance of a weighted sum of pixels of a part with all pixels around it, and where these lie."""
        if self.covariance is None:
            return support, np.zeros(weights.shape)
        cancellation_point()
        place = self.covariance.around(support)
        border = [(a.start - b.start, b.stop - a.stop) for a, b in zip(support, place, strict=True)]
        return place, self.covariance.times(np.pad(weights, border), place)


@dataclass(frozen=True)
class Sums:
    """Sums over the regions of a block, ready for JSON, and along its lines."""

    index: Index
    labels: list[int] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    covariance: list[list[float]] = field(default_factory=list)
    """Row, column and value of every entry on and above the diagonal that is not zero."""
    profiles: list[dict[str, list[float]]] = field(default_factory=list)


class Measure(Denoise):
    """Sums of pixels of f(y, σ), and the covariance of their errors, by one product with the Jacobian a sum."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        if recipe.regions is None:
            raise ValueError("the job 'measure' needs regions: give regions.labels or regions.lines")
        if recipe.regions.threshold is not None:
            raise ValueError("areas and objects above a threshold need samples: measure what the job sample returns")
        self._regions: Regions = recipe.regions
        self._found: list[Sums] = []

    def outputs(self) -> list[Output]:
        return []

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        labels = self._labels(index)
        numbers = np.unique(labels[labels != 0])
        total = len(numbers) + len(self._regions.lines)
        if not total:
            yield Step(1.0, {})
            return
        estimate = self._estimate(index, tools)
        yield Step(1 / (1 + total), {})
        found = Sums(index)
        if len(numbers):
            for done in self._sum(found, np.searchsorted(numbers, labels) + 1, labels != 0, numbers, estimate):
                yield Step((1 + done) / (1 + total), {})
        found.profiles.extend(self._profile(line, estimate) for line in self._regions.lines)
        self._found.append(found)
        yield Step(1.0, {})

    def report(self) -> dict[str, Any]:
        """Return also what there is to "read": sums of every block that has regions, as `Sums` has them."""
        return {**super().report(), "read": {"blocks": [vars(each) for each in self._found]}}

    def _sum(
        self, found: Sums, ranks: NDArray[Any], marked: NDArray[np.bool_], numbers: NDArray[Any], estimate: Estimate
    ) -> Iterator[int]:
        """Measure all regions, by their ranks from 1 where pixels are marked; yield how many are done."""
        from scipy.ndimage import find_objects

        ranks = np.where(marked & ~estimate.missing, ranks, 0)
        rows = []
        for done, support in enumerate(find_objects(ranks, len(numbers)), start=1):
            row: NDArray[Any] = np.zeros(len(numbers) + 1)
            if support is not None:
                place, response = estimate.response((ranks[support] == done).astype(float), support)
                row = np.bincount(ranks[place].ravel(), response.ravel(), len(numbers) + 1)
            rows.append(row[1:])
            yield done
        least, sums, pixels = (
            np.bincount(ranks.ravel(), weights, len(numbers) + 1)[1:]
            for weights in (estimate.least.ravel(), estimate.image.ravel(), np.ones(ranks.size))
        )
        covariance = (np.array(rows) + np.array(rows).T) / 2
        np.fill_diagonal(covariance, np.maximum(covariance.diagonal(), least))
        there = pixels > 0
        found.labels.extend(numbers[there].tolist())
        found.pixels.extend(pixels[there].astype(int).tolist())
        found.sums.extend(sums[there].tolist())
        upper = np.triu(covariance[np.ix_(there, there)])
        found.covariance.extend([int(a), int(b), float(upper[a, b])] for a, b in zip(*np.nonzero(upper), strict=True))

    def _profile(self, line: tuple[float, ...], estimate: Estimate) -> dict[str, list[float]]:
        """Return grey levels and standard deviations at the points of a line."""
        axes = estimate.image.ndim
        if len(line) != 2 * axes:
            raise ValueError(f"a line in an image of {axes} axes needs {2 * axes} numbers (got {len(line)})")
        values, variances = [], []
        for point in points_along(line[:axes], line[axes:]).T:
            weights, support = corners(point, estimate.image.shape)
            place, response = estimate.response(weights, support)
            inside = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(support, place, strict=True))
            values.append(float((weights * estimate.image[support]).sum()))
            least = (weights**2 * estimate.least[support]).sum()
            variances.append(float(max((weights * response[inside]).sum(), least)))
        return {"values": values, "stds": np.sqrt(variances).tolist()}

    def _labels(self, index: Index) -> NDArray[np.int64]:
        """Return the regions of a block, shape ([Z,] Y, X)."""
        given, layout = self._regions.labels, self.blocks.layout
        if given.array is None:
            return np.zeros(layout.block_shape, np.int64)
        labels = given.real()
        try:
            whole = np.broadcast_to(labels, layout.shape)
        except ValueError as error:
            said = f"regions of shape {labels.shape} do not lie on images of shape {layout.shape}: the last axes must agree"
            raise ValueError(said) from error
        return np.asarray(layout.read(whole, index)[0], dtype=np.int64)

    def _estimate(self, index: Index, tools: Tools) -> Estimate:
        """Denoise a block."""
        channel, (x, level) = self._frame(index), self._measured(tools, index)
        denoiser = in_float32(self.denoiser(index))
        planes = not (self.recipe.volume and 3 in denoiser.ndim)
        denoiser = matched(denoiser, channel.correlation) if planes else denoiser
        denoise = tools.tiled(denoiser)
        clean, grey, samples = denoise(x, level), channel.intensity, self.blocks.samples(index)
        image = grey.back(clean.cpu().numpy()).astype(np.float64)
        missing = self.blocks.left_out.empty(index, image.shape[2:])
        missing = np.zeros(image.shape[2:], bool) if missing is None else missing
        if level <= 0:
            return Estimate(image[0, 0], missing, None, np.zeros(image.shape[2:]))
        spread = self.spread(index, clean, torch.full_like(clean, level / 2))
        slope = grey.scale / (level / 2) * spread.double().cpu().numpy()[0, 0]
        light = None
        if channel.is_stabilised and isinstance(channel.noise, Poisson):
            image = keep_light(image, samples).astype(np.float64)
            light = channel.noise.variance(torch.from_numpy(image[0, 0])).numpy()
        law = ErrorCovariance(denoise, x, level, slope, channel.correlation if planes else None, light)
        if whose := learnt(denoiser):
            own = error_std(denoise, whose, x, clean, level, channel.is_stabilised).double().square()
        else:
            own = own_variance(clean, level, denoiser.flat_error).double()
        return Estimate(image[0, 0], missing, law, slope**2 * own.cpu().numpy()[0, 0])


def corners(point: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[NDArray[np.float64], Place]:
    """Return the weights with which the pixels around a point make up its grey level, and where they lie."""
    point = np.clip(point, 0, np.array(shape) - 1.0)
    first = np.minimum(np.floor(point), np.maximum(np.array(shape) - 2, 0)).astype(int)
    weights = np.ones(())
    for share, length in zip(point - first, shape, strict=True):
        weights = np.multiply.outer(weights, np.array([1 - share, share])[: min(2, length)])
    return weights, tuple(slice(start, min(start + 2, length)) for start, length in zip(first.tolist(), shape, strict=True))
