"""Lazy arrays: only that part of a huge image computed which somebody looks at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.degradations.noise import Auto, Gaussian, Noise
from napari_tweedie.engine.channel import Channel
from napari_tweedie.engine.relation import settled
from napari_tweedie.images.arrays import is_wide
from napari_tweedie.images.axes import Layout, guess_axes
from napari_tweedie.images.chunks import Region, regions
from napari_tweedie.images.missing import plain
from napari_tweedie.large.regions import Regions
from napari_tweedie.recipe.defaults import with_neighbours

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

    from napari_tweedie.recipe.recipe import Recipe

SHOWN_TILE = 512
"""Side of the regions: small enough to appear soon, large enough that margins cost little."""
PLANE = 4096
"""Side of the largest chunks of planes that are shown whole: dask goes through all chunks whenever one of them is read."""
CACHE = 256 * 2**20
"""Bytes of results that are kept, those looked at last."""
Failed = Callable[[Exception], None]


def lazy(recipe: Recipe, image: Any, cache: int = CACHE, failed: Failed | None = None, **inputs: Any) -> da.Array:
    """Return the result of a recipe as a dask array that computes a region when it is looked at.

    Range and noise level are measured on samples when the first region is computed, and are the same everywhere.

    Parameters
    ----------
    recipe : Recipe
        What to do: denoise or restore.
    image : array-like
        A NumPy, dask or zarr array of any size.
    cache : int
        Bytes of results to keep.
    failed : callable, optional
        Told of the error of a region, which is then empty (NaN; in 8-bit colour, black); without it the error is raised.
    **inputs
        Arrays that the recipe's degradation names, such as ``psf`` or ``mask``.

    Raises
    ------
    ValueError
        If the recipe cannot be done region by region.
    """
    return OnDemand(recipe.with_inputs(**inputs), image, cache, failed).as_dask(PLANE)


def lazy_levels(recipe: Recipe, levels: Sequence[Any], cache: int = CACHE, failed: Failed | None = None) -> list[da.Array]:
    """Return the levels of a multiscale image denoised on demand, each with its own noise: averaging has lowered it.

    Raises
    ------
    ValueError
        If the recipe is none that denoises: a degradation acts on the finest level only.
    """
    if recipe.job != "denoise":
        raise ValueError(f"only denoising is shown at every resolution, not {recipe.job!r}: restore the finest level")
    coarse = recipe.model_copy(update={"noise": _left_open(recipe.noise)})
    share, recipes = cache // len(levels), [recipe] + [coarse] * (len(levels) - 1)
    return [OnDemand(each.with_inputs(), level, share, failed).as_dask() for each, level in zip(recipes, levels, strict=True)]


def _left_open(noise: Noise) -> Noise:
    """Return a noise model of the same kind whose strength is to be measured."""
    if isinstance(noise, Auto):
        return Auto(model=noise.model, correlation=noise.correlation, lines=noise.lines)
    return Gaussian(correlated=not noise.is_white)


class OnDemand:
    """An array whose regions are computed when they are read, one at a time, and of which the last ones are kept.

    Parameters
    ----------
    recipe : Recipe
        What to do, with its arrays.
    image : array-like
        The image.
    cache : int
        Bytes of results to keep.
    failed : callable, optional
        As in `lazy`.
    """

    def __init__(self, recipe: Recipe, image: Any, cache: int, failed: Failed | None = None) -> None:
        axes = recipe.axes or guess_axes(image.shape)
        self.asked = recipe.model_copy(update={"axes": axes})
        self.recipe, _ = with_neighbours(self.asked, axes, image.shape)
        self.image = image
        self.regions = Regions.of(self.recipe, Layout(axes, tuple(image.shape), recipe.volume), recipe.tile or SHOWN_TILE)
        self.shape = self.regions.shape
        self.ndim = len(self.shape)
        self.dtype = np.dtype(np.uint8 if "s" in axes and image.dtype == np.uint8 else _precise(image.dtype))
        self._cache = cache
        self._failed = failed
        self._kept: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._channels: dict[int, Channel] = {}
        self._lock = threading.Lock()

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return what is asked for, by slices without step and numbers, as dask asks for it."""
        keys = (key if isinstance(key, tuple) else (key,)) + (slice(None),) * self.ndim
        picked = [slice(at, at + 1) if isinstance(at, int | np.integer) else at for at in keys[: self.ndim]]
        wanted = tuple(slice(*at.indices(length)[:2]) for at, length in zip(picked, self.shape, strict=True))
        out = np.empty([at.stop - at.start for at in wanted], self.dtype)
        for region in self._touched(wanted):
            both = [(max(a.start, b.start), min(a.stop, b.stop), a.start, b.start) for a, b in zip(wanted, region, strict=True)]
            target = tuple(slice(first - origin, last - origin) for first, last, origin, _ in both)
            inside = tuple(slice(first - origin, last - origin) for first, last, _, origin in both)
            out[target] = self._region(region)[inside]
        numbers = tuple(n for n, at in enumerate(keys[: self.ndim]) if isinstance(at, int | np.integer))
        return out.squeeze(numbers)

    def as_dask(self, side: int = 0) -> da.Array:
        """Return it as a dask array whose chunks are regions, or as many of them as fit into planes of `side` pixels a side."""
        import dask.array as da

        sizes = zip(self.regions.layout.axes, self.regions.chunks, strict=True)
        chunks = tuple(size * max(1, side // size) if axis in "yx" else size for axis, size in sizes)
        return da.from_array(self, chunks=chunks, name=False, meta=np.empty((0,) * self.ndim, self.dtype))

    def _touched(self, wanted: Region) -> list[Region]:
        """Return the regions in which lies what is wanted."""
        chunks = self.regions.chunks
        starts = [at.start // chunk * chunk for at, chunk in zip(wanted, chunks, strict=True)]
        found = regions([at.stop - start for at, start in zip(wanted, starts, strict=True)], chunks)
        shifted = [[slice(a.start + b, a.stop + b) for a, b in zip(region, starts, strict=True)] for region in found]
        sizes = list(zip(chunks, self.shape, strict=True))
        return [
            tuple(slice(at.start, min(at.start + chunk, length)) for at, (chunk, length) in zip(region, sizes, strict=True))
            for region in shifted
        ]

    def _region(self, region: Region) -> NDArray[Any]:
        place = tuple(at.start for at in region)
        with self._lock:
            if place not in self._kept:
                self._kept[place] = self._result(region)
                while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > self._cache:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(place)
            return self._kept[place]

    def _result(self, region: Region) -> NDArray[Any]:
        try:
            return self._computed(region)
        except Exception as error:
            if self._failed is None:
                raise
            self._failed(error)
            nothing = 0 if self.dtype == np.uint8 else np.nan
            return np.full([at.stop - at.start for at in region], nothing, self.dtype)

    def _computed(self, region: Region) -> NDArray[Any]:
        if not self._channels:
            self._channels = self.regions.measure(self.recipe, _Read(self.image))
            self._settle()
        pixels, _ = self.regions.computed(self.recipe, region, _Read(self.image).__getitem__, self._channels)
        return np.ascontiguousarray(pixels)

    def _settle(self) -> None:
        """Go on without neighbours where they tell nothing of each other; regions keep their size, which others know already."""
        layout = self.regions.layout
        found, _ = settled(
            self.asked, self.recipe, _Read(self.image), layout, lambda index: self._channels[layout.channel(index)]
        )
        if found is not self.recipe:
            self.recipe, self.regions = found, replace(self.regions, beside=-1, context=0)


class _Read:
    """An image whose regions come as NumPy arrays; those of dask are computed in this thread, as dask may be waiting for us."""

    def __init__(self, image: Any) -> None:
        self.image = image
        self.shape, self.dtype, self.ndim = image.shape, image.dtype, image.ndim

    def __getitem__(self, key: Any) -> NDArray[Any]:
        region = self.image[key]
        return plain(region.compute(scheduler="synchronous") if hasattr(region, "compute") else region)


def _precise(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return a type that holds what any image of a type holds: whether float32 suffices is known only once it is measured."""
    return np.float64 if is_wide(dtype) else np.float32
