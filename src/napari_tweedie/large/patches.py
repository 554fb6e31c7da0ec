"""Patches of an image larger than memory: what is known of its channels is measured on them, once for all regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.degradations.noise import Auto
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.engine.sampling import DIFFERENT, LOOKED_AT, contrast, drifting, spread, with_levels
from napari_tweedie.images.chunks import Region, chunk_shape
from napari_tweedie.images.missing import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.images.axes import Index, Layout
    from napari_tweedie.recipe.recipe import Recipe

SAMPLED = 32
"""Patches of a channel that its range and its noise level are measured on."""
PATCH = 256
"""Side of such a patch in pixels."""
IN_FRAME = 2
"""Patches that the noise level of a frame is measured on."""
FIRST_LOOK = 3
"""Frames whose levels tell whether further ones are looked at."""
STANDING_OUT, BESIDE = 2, 4
"""Planes with most contrast in which further patches are looked at, and how many in each."""
WHOLE = 2**22
"""An image of at most this many pixels is measured as it would be in memory."""


def measure(layout: Layout, recipe: Recipe, image: Any, cut: Callable[[Recipe, Region], Recipe]) -> dict[int, Channel]:
    """Measure range and noise of every channel of an image, on patches chosen by a fixed seed.

    Parameters
    ----------
    layout : Layout
        Of the image.
    recipe : Recipe
        What is known of the noise.
    image : array-like
        The image, of which the patches are read.
    cut : callable
        Returns the recipe for a part of the image.

    Raises
    ------
    ValueError
        If the patches hold no number.
    """
    if prod(layout.shape) <= WHOLE:
        blocks = Blocks(image, recipe)
        return {number: _in_memory(blocks, index, recipe) for number, index in layout.first_of_channels().items()}
    count = layout.shape[layout.axes.index("c")] if "c" in layout.axes else 1
    return {number: _Patches(layout, recipe, image, cut, number).channel() for number in range(count)}


@dataclass(frozen=True)
class _Patches:
    """The patches of a channel."""

    layout: Layout
    recipe: Recipe
    image: Any
    cut: Callable[[Recipe, Region], Recipe]
    number: int

    def channel(self) -> Channel:
        """Return what is known of the channel."""
        places = list(self._spread())
        seen = [self._seen(place) for place in places]
        for place in self._beside([places[n] for n in _standing_out(seen)]):
            seen.append(self._seen(place))
        planes = [plane for some in seen for plane in some]
        if not planes:
            raise ValueError(f"no number was found in channel {self.number}: all pixels that were looked at are NaN or masked")
        frames = self._frames(places)
        channel = self._blocks(places[0]).known_from(drifting(list(frames.values())) or planes, whole=False)
        evened = {at: [channel.evened(plane) for plane in planes] for at, planes in frames.items()}
        return with_levels(channel, evened) if evened else channel

    def _blocks(self, place: Region) -> Blocks:
        return Blocks(plain(self.image[place]), self.cut(self.recipe, place))

    def _seen(self, place: Region) -> list[NDArray[Any]]:
        cancellation_point()
        patch = self._blocks(place)
        return patch.seen(next(iter(patch.layout)))

    def _spread(self) -> Iterator[Region]:
        """Yield the places of patches of one plane; along every axis each of as many strata holds one (a Latin hypercube)."""
        axes, lengths = self.layout.axes, self.layout.shape
        rng = np.random.default_rng(0)
        strata = np.array([rng.permutation(SAMPLED) for _ in axes])
        places = (strata + rng.random(strata.shape)) / SAMPLED
        shape = chunk_shape(axes, lengths, {"y": PATCH, "x": PATCH})
        for place in places.T:
            starts = [int(share * (length - size + 1)) for share, length, size in zip(place, lengths, shape, strict=True)]
            if "c" in axes:
                starts[axes.index("c")] = self.number
            yield tuple(slice(start, start + size) for start, size in zip(starts, shape, strict=True))

    def _beside(self, places: list[Region]) -> Iterator[Region]:
        """Yield places of further patches in the planes of some: a thin specimen is in few of them."""
        rng = np.random.default_rng(1)
        for place in places:
            for _ in range(BESIDE):
                moved = list(place)
                for n in (self.layout.axes.index(axis) for axis in "yx"):
                    size = place[n].stop - place[n].start
                    start = int(rng.integers(0, self.layout.shape[n] - size + 1))
                    moved[n] = slice(start, start + size)
                yield tuple(moved)

    def _frames(self, places: list[Region]) -> dict[int, list[NDArray[Any]]]:
        """Return planes of some frames, of the same places, by their positions; none where frames have the same noise."""
        if not (_may_differ(self.recipe) and self.layout.frames) or "s" in self.layout.axes:
            return {}
        n = self.layout.axes.index(self.layout.frames)

        def planes_at(at: int) -> list[NDArray[Any]]:
            same = [(*place[:n], slice(at, at + 1), *place[n + 1 :]) for place in places[:IN_FRAME]]
            return [plane for place in same for plane in self._seen(place)]

        found = {at: planes_at(at) for at in spread(self.layout.shape[n], FIRST_LOOK)}
        levels = [estimate_stack_noise_level(planes) for planes in found.values() if planes]
        if len(levels) < 2 or max(levels) < DIFFERENT * min(levels):
            return {}
        return found | {at: planes_at(at) for at in spread(self.layout.shape[n], LOOKED_AT) if at not in found}


def _in_memory(blocks: Blocks, index: Index, recipe: Recipe) -> Channel:
    """Return what is known of a channel of an image that is small enough to be looked at whole, frame by frame."""
    channel, axis = blocks.channel(index), blocks.layout.frames
    if not (_may_differ(recipe) and axis) or blocks.colour:
        return channel
    frames: dict[int, list[Index]] = {}
    for other in blocks.layout:
        if blocks.layout.channel(other) == blocks.layout.channel(index):
            frames.setdefault(blocks.layout.place_along(other, axis), []).append(other)
    return with_levels(channel, {at: blocks.planes(others[len(others) // 2]) for at, others in frames.items()})


def _may_differ(recipe: Recipe) -> bool:
    """Tell whether frames may have noise levels of their own."""
    return recipe.job == "denoise" and isinstance(recipe.noise, Auto)


def _standing_out(seen: list[list[NDArray[Any]]]) -> list[int]:
    """Return which patches have most contrast, of those that have more than is usual."""
    contrasts = [max((contrast(plane) for plane in planes if plane.ndim == 2), default=0.0) for planes in seen]
    usual = float(np.median(contrasts))
    return [n for n in sorted(range(len(seen)), key=lambda n: -contrasts[n])[:STANDING_OUT] if contrasts[n] > usual]
