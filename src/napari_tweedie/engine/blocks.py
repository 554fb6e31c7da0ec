"""Blocks of an image: numbers for an algorithm, and results put back in the image's own units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Input
from napari_tweedie.degradations import Degradation
from napari_tweedie.degradations.noise import Auto, Noise, Poisson
from napari_tweedie.engine.channel import Channel
from napari_tweedie.engine.gate import Span
from napari_tweedie.images.arrays import LARGEST, as_array, check_representable
from napari_tweedie.images.axes import Index, Layout, guess_axes
from napari_tweedie.images.intensity import Intensity, from_opponent, to_opponent
from napari_tweedie.images.missing import filled
from napari_tweedie.images.stabilisation import keep_light

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_tweedie.core.results import Output
    from napari_tweedie.recipe.recipe import Recipe

SAMPLED_BLOCKS = 4
"""Blocks of a channel, and planes of a block, that the range and the noise level are measured on."""


class Blocks:
    """The blocks (samples, [Z,] Y, X) of an image, what is known of their channels, and where results belong.

    Parameters
    ----------
    image : array-like
        An array of any kind that `as_array` takes; it is read block by block and never changed.
    recipe : Recipe
        Says axes, volume or planes, degradation and noise.
    channels : mapping of int to Channel, optional
        What is known of the channels already; they are not measured then.
    """

    def __init__(self, image: Any, recipe: Recipe, channels: Mapping[int, Channel] | None = None) -> None:
        self.image = as_array(image)
        self.spans: dict[Index, Span] = {}
        """Grey levels of the blocks that were looked at."""
        self.recipe = recipe
        shape, axes = tuple(self.image.shape), recipe.axes
        self._degrades = recipe.inverts or recipe.job in ("degrade", "calibrate")
        self.components = recipe.degradation.components() if self._degrades else 1
        self._measured = [self.image]
        if self.components > 1 and recipe.inverts:
            self._measured = self._components()
            shape, axes = shape[1:], axes[1:]
        self.layout = Layout(axes or guess_axes(shape), shape, recipe.volume)
        self.colour = "s" in self.layout.axes
        if self.colour and self._degrades and not recipe.degradation.is_image:
            raise ValueError(f"the degradation {recipe.degradation.name!r} takes no colour: split it into channels")
        if self.colour and (recipe.job in ("sample", "calibrate", "decompose", "inspect") or recipe.probes):
            raise ValueError("colour images can only be denoised, restored and degraded: split the layer into channels first")
        if self.colour and recipe.stabilises and isinstance(recipe.noise, Poisson):
            raise ValueError("photon noise of colour images: split the layer into channels, or choose Gaussian noise")
        self._channels = dict(channels or {})
        self._measures = channels is None
        self._missing: dict[Index, NDArray[np.bool_] | None] = {}
        self._outliers: dict[Index, NDArray[np.int_]] = {}
        self._last: tuple[Index, NDArray[Any]] | None = None

    def _components(self) -> list[Any]:
        """Return the components of a measurement, which lie along the first axis."""
        if len(self.image) != self.components:
            raise ValueError(
                f"a measurement by {self.recipe.degradation.name!r} has {self.components} components (real and imaginary parts) "
                f"along its first axis; this image has shape {tuple(self.image.shape)}"
            )
        return [self.image[number] for number in range(self.components)]

    @property
    def channels(self) -> list[Channel]:
        """The channels met so far."""
        return [self._channels[number] for number in sorted(self._channels)]

    def samples(self, index: Index) -> NDArray[Any]:
        """Return a block, shape (samples, components, [Z,] Y, X), `missing` pixels and `outliers` filled in.

        Colour comes as opponent samples.

        Raises
        ------
        ValueError
            If values of a measurement that does not look like an image are missing.
        """
        block, missing = self._read(index), self.missing(index)
        if missing.any() and self.recipe.inverts and not self.recipe.degradation.is_image:
            if (missing & self._observed(block.shape, index)).any():
                raise ValueError(
                    f"a measurement by {self.recipe.degradation.name!r} must be finite (got {int(missing.sum())} values that "
                    "are not finite, or masked)"
                )
            block = np.where(missing, 0, block)
        else:
            left_out = missing | self.outliers(index)
            if left_out.any():
                block = filled(block, np.broadcast_to(left_out, block.shape))
        return to_opponent(block[:3, 0].astype(np.float32))[:, None] if self.colour else block

    def missing(self, index: Index) -> NDArray[np.bool_]:
        """Return which pixels of a block are not finite, or masked: shape (1, 1, [Z,] Y, X), True where any sample is."""
        if index not in self._missing:
            block = self._read(index)
            bad = None if block.dtype.kind != "f" else ~np.isfinite(block).all((0, 1), keepdims=True)
            self._missing[index] = bad if bad is not None and bad.any() else None
        found = self._missing[index]
        return np.zeros((1, 1, *self.layout.block_shape), bool) if found is None else found

    def outliers(self, index: Index) -> NDArray[np.bool_]:
        """Return which pixels of a block neither their neighbours nor the noise explain, where those are left out; else none."""
        if index not in self._outliers:
            channel = self._channels.get(self.layout.channel(index))
            found = np.zeros((1, 1, *self.layout.block_shape), bool)
            if channel is None or not self._leaves_out:
                return found
            for plane, marked in zip(self._planes(index), found.reshape(-1, *found.shape[-2:]), strict=True):
                marked[:] = channel.outliers(plane)
            self._outliers[index] = np.argwhere(found)
        marked = np.zeros((1, 1, *self.layout.block_shape), bool)
        marked[tuple(self._outliers[index].T)] = True
        return marked

    @property
    def _leaves_out(self) -> bool:
        """Whether outliers are left out: from grey images whose noise is removed."""
        removes = self.recipe.job in ("denoise", "decompose", "restore", "sample")
        is_image = not self.recipe.inverts or self.recipe.degradation.is_image
        return self.recipe.outliers == "auto" and removes and is_image and not self.colour

    def _planes(self, index: Index) -> NDArray[Any]:
        """Return the planes of a block of one sample, NaN where pixels are missing or do not count."""
        block = self._read(index)
        unknown = self.missing(index) | ~self._observed((1, *block.shape[1:]), index)
        if unknown.any():
            block = np.where(np.broadcast_to(unknown, block.shape), np.nan, block)
        return block.reshape(-1, *block.shape[-2:])

    def is_empty(self, index: Index) -> bool:
        """Tell whether a block holds no number at all."""
        return bool(self.missing(index).all())

    def are_all_empty(self) -> bool:
        """Tell whether no block of a whole image holds a number, once all were looked at."""
        return self._measures and all(self.is_empty(index) for index in self.layout)

    def notes(self) -> list[str]:
        """Return what the user should know of missing pixels, in a sentence, of all blocks that were looked at."""
        found = {index: missing for index, missing in self._missing.items() if missing is not None}
        if self._restores_missing:
            found = {index: missing & self._marked_known(index) for index, missing in found.items()}
        count = sum(int(missing.sum()) for missing in found.values())
        outliers = sum(len(places) for places in self._outliers.values())
        if outliers:
            what = "pixels that neither their neighbours nor the noise explain (hot, dead, cosmic rays)"
            told = [f"{outliers} {what} were left out, and filled in from around them; outliers: keep takes them as they are."]
        else:
            told = []
        if not count or self.recipe.job == "blend":
            return told
        empty = sum(bool(missing.all()) for missing in found.values())
        planes = f"{empty} of {len(self.layout)} images wholly, " if empty and len(self.layout) > 1 else ""
        what = f"{count} pixels are missing ({planes}not finite, or masked)"
        if self._restores_missing:
            return [*told, f"{what}, besides those that are marked: they were treated alike."]
        return [*told, f"{what}, and are empty in the result; Restore with missing pixels fills them in."]

    def _marked_known(self, index: Index) -> NDArray[np.bool_]:
        """Return which pixels of a block the degradation alone knows nothing against."""
        observed = self._cut(self.recipe.degradation, index).observed(torch.empty((1, 1, *self.layout.block_shape)))
        return observed.numpy()

    @property
    def is_wide(self) -> bool:
        """Whether the type of the image holds more digits than float32."""
        dtype = np.dtype(self.image.dtype)
        return dtype.itemsize > (2 if dtype.kind in "iu" else 4)

    @property
    def _restores_missing(self) -> bool:
        """Whether the result has a value where the image has none, as the degradation says that pixels are missing."""
        return self.recipe.inverts and (self.recipe.degradation.loses_pixels or not self.recipe.degradation.is_image)

    def _read(self, index: Index) -> NDArray[Any]:
        """Return a block as it is; the last one is kept, as it is asked for again and may be expensive."""
        if self._last is None or self._last[0] != index:
            block = np.stack([self.layout.read(part, index) for part in self._measured], 1)
            self._last = index, block.astype(np.uint8) if block.dtype == bool else block
            self._look_at(self._last[1], index)
        return self._last[1]

    def _look_at(self, block: NDArray[Any], index: Index) -> None:
        """Remember the grey levels of a block, without transparency and missing pixels."""
        if index in self.spans:
            return
        observed = self._observed(block.shape, index)
        block = block[:3] if self.colour else block if observed.all() else block[observed]
        span = self.spans[index] = Span.of(block)
        if max(abs(span.low), abs(span.high)) > LARGEST:
            check_representable(span.low, span.high)

    def read(self, image: NDArray[Any], index: Index) -> NDArray[Any]:
        """Return what `write` has put into a result for a block."""
        return image[(slice(None),) * (image.ndim - len(self.layout.shape)) + self.layout.selection(index)]

    def channel(self, index: Index) -> Channel:
        """Return what is known of a block's channel; measured once, on a few of its blocks."""
        number = self.layout.channel(index)
        if number not in self._channels:
            chosen = self._sampled(number)
            planes = [plane for other in chosen for plane in self.planes(other)] or self._first_planes(number)
            if self.recipe.inverts and not self.recipe.degradation.is_image:
                sigma = self.recipe.noise.level(float(np.mean([np.nanmean(plane) for plane in planes])))
                if sigma is None:
                    raise ValueError(
                        f"the noise level of a measurement by {self.recipe.degradation.name!r} cannot be estimated: give it"
                    )
                intensity = Intensity.of(plane for other in chosen for plane in self._start(other))
                self._channels[number] = Channel(intensity, sigma, self.recipe.noise)
            else:
                if spans := [self.spans[other] for other in chosen if self.spans[other].pixels]:
                    check_representable(min(span.low for span in spans), max(span.high for span in spans))
                channel = Channel.of(planes, self._noise(), self.recipe.stabilises)
                if self._leaves_out and (found := [channel.outliers(plane) for plane in planes]) and any(map(np.any, found)):
                    kept = [np.where(outliers, np.nan, plane) for plane, outliers in zip(planes, found, strict=True)]
                    channel = Channel.of(kept, self._noise(), self.recipe.stabilises)
                self._channels[number] = channel
        return self._channels[number]

    def _noise(self) -> Noise:
        """Return what is known of the noise; that of colour is taken to be the same everywhere."""
        noise = self.recipe.noise
        return noise.model_copy(update={"model": "gaussian"}) if self.colour and isinstance(noise, Auto) else noise

    def _sampled(self, number: int) -> list[Index]:
        indices = [other for other in self.layout if self.layout.channel(other) == number]
        return [indices[n] for n in _spread(len(indices))]

    def _first_planes(self, number: int) -> list[NDArray[Any]]:
        """Return the planes of the first block of a channel that is not empty, where those that were sampled are."""
        for index in self.layout:
            if self.layout.channel(index) == number and (planes := self.planes(index)):
                return planes
        raise ValueError("the image holds no numbers: every pixel is NaN, infinite or masked")

    def _start(self, index: Index) -> list[NDArray[np.float32]]:
        """Return the planes of a first estimate of the image, from a measurement that does not look like it."""
        y = torch.from_numpy(self.samples(index).astype(np.float32))
        estimate = self.degradation(index).span(y).numpy()
        return list(estimate.reshape(-1, *estimate.shape[-2:]))

    def degradation(self, index: Index) -> Degradation:
        """Return the degradation of a block; masks as large as the whole image are cut as it is, and have its missing pixels."""
        degradation = self._cut(self.recipe.degradation, index)
        missing = self.missing(index)[0, 0]
        return degradation.without(missing) if degradation.loses_pixels and missing.any() else degradation

    def _cut(self, degradation: Degradation, index: Index) -> Degradation:
        changed: dict[str, Any] = {}
        block_shape = self.layout.block_shape
        for name, value in degradation:
            if isinstance(value, Degradation):
                changed[name] = self._cut(value, index)
            elif degradation.hint(name, "layer") == "labels" and value.array.shape == self.layout.shape != block_shape:
                changed[name] = Input.of(self.layout.read(value.array, index)[0])
        return degradation.model_copy(update=changed) if changed else degradation

    def result(self, output: Output) -> NDArray[Any]:
        """Return an empty array for a result, uint8 for 8-bit colour, else float32, or float64 where that would round visibly.

        Transparency is dropped.
        """
        count = output.count
        shape = self.layout.resized(self._result_shape())
        shape = tuple(3 if axis == "s" else length for axis, length in zip(self.layout.axes, shape, strict=True))
        if self.components > 1 and self.recipe.job == "degrade":
            count = self.components
        if count:
            shape = (count, *shape)
        is_8_bit = self.colour and self.image.dtype == np.uint8 and output.kind == "image"
        precise = not self.colour and any(channel.intensity.dtype is np.float64 for channel in self._channels.values())
        return np.zeros(shape, np.uint8 if is_8_bit else np.float64 if precise else np.float32)

    def write(self, result: NDArray[Any], output: Output, index: Index, estimate: NDArray[np.float32]) -> None:
        """Put an estimate, shape (samples, components or count, [Z,] Y, X), in grey levels, into its place in the result."""
        if self.recipe.job == "denoise" and output.kind == "image" and self.channel(index).is_stabilised:
            estimate = keep_light(estimate, self.samples(index))
        empty = self._empty(index, estimate.shape[2:])
        targets = result if result.ndim > len(self.layout.shape) else result[None]
        for target, block in zip(targets, np.moveaxis(estimate, 1, 0), strict=True):
            pixels: NDArray[Any] = from_opponent(block, output.kind != "image") if self.colour else block
            if result.dtype == np.uint8:
                pixels = np.clip(np.rint(pixels), 0, 255)
            elif empty is not None:
                pixels = np.where(empty, np.nan, pixels)
            self.layout.write(target, index, pixels)

    def leave_empty(self, result: NDArray[Any], output: Output, index: Index) -> None:
        """Put nothing, NaN, into the place of a block in a result; black in 8-bit colour."""
        shape = self.layout.resized(self._result_shape())
        block = tuple(shape[self.layout.axes.index(axis)] for axis in self.layout.spatial)
        nothing = np.full((3 if self.colour else 1, *block), 0 if result.dtype == np.uint8 else np.nan, result.dtype)
        for target in result if result.ndim > len(self.layout.shape) else result[None]:
            self.layout.write(target, index, nothing)

    def _empty(self, index: Index, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Return which pixels of a result, of a shape that may be finer or coarser, have no value; None where all have."""
        if self._restores_missing or self.recipe.job == "blend":  # which fills its region, and leaves alone the rest
            return None
        missing = self.missing(index)[0, 0]
        if not missing.any():
            return None
        for axis, (length, own) in enumerate(zip(shape, missing.shape, strict=True)):
            missing = missing.take(np.arange(length) * own // length, axis)
        return missing

    def _result_shape(self) -> tuple[int, ...]:
        degradation, block = self.recipe.degradation, self.layout.block_shape
        if self.recipe.inverts:
            return tuple(degradation.crop(torch.empty((1, 1, *degradation.domain(block)), device="meta")).shape[2:])
        if self.recipe.job == "degrade":
            return degradation.shape(tuple(degradation.extend(torch.empty((1, 1, *block), device="meta")).shape[2:]))
        return block

    def _observed(self, shape: tuple[int, ...], index: Index) -> NDArray[np.bool_]:
        """Return which pixels of a block count: all but those that the degradation says are missing."""
        degradation = self.degradation(index)
        if not self.recipe.inverts or type(degradation).observed is Degradation.observed:
            return np.ones(shape, bool)
        observed = degradation.observed(torch.empty((1, *shape[1:])))
        return np.broadcast_to(observed[0].numpy(), shape)

    def planes(self, index: Index) -> list[NDArray[Any]]:
        """Return some planes of a block, missing pixels as NaN; those without any pixel are left out."""
        block = self.samples(index)
        observed = self._observed(block.shape, index) & ~self.missing(index)
        if not observed.all():
            block = np.where(observed, block, np.nan)
        planes = block.reshape(-1, *block.shape[-2:])
        whole = observed.reshape(planes.shape).any((1, 2))
        planes = planes[whole] if whole.any() else planes[:0]
        return [planes[n] for n in _spread(len(planes))]


def _spread(count: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, SAMPLED_BLOCKS).astype(int).tolist())) if count else []
