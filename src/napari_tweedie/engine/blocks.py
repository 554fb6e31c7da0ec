"""Blocks of an image: numbers for an algorithm, and what is known of their channels."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations import Degradation
from napari_tweedie.degradations.noise import Auto, Camera
from napari_tweedie.engine.channel import Channel
from napari_tweedie.engine.gate import Span
from napari_tweedie.engine.left_out import LeftOut
from napari_tweedie.engine.measurement import channel_of, components_of
from napari_tweedie.engine.sampling import chosen, known_from, of_frame, spread, steady
from napari_tweedie.images.arrays import LARGEST, as_array, check_representable, is_wide
from napari_tweedie.images.axes import Index, Layout, guess_axes
from napari_tweedie.images.intensity import to_opponent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.recipe.recipe import Recipe


class Blocks:
    """The blocks (samples, [Z,] Y, X) of an image, and what is known of their channels.

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
        measured = recipe.inverts and not recipe.degradation.is_image
        self.image = as_array(image, complex_numbers=measured)
        self.spans: dict[Index, Span] = {}
        """Grey levels of the blocks that were looked at."""
        self.recipe = recipe
        shape, axes = tuple(self.image.shape), recipe.axes
        self._degrades = recipe.inverts or recipe.job in ("degrade", "calibrate")
        self.components = recipe.degradation.components() if self._degrades else 1
        self._measured = [self.image]
        self._fitted: dict[Index, Degradation] = {}
        self._levels: dict[int, list[float]] = {}
        if self.components > 1 and recipe.inverts:
            self._measured = components_of(self.image, recipe.degradation)
            self.components = len(self._measured)
            shape = tuple(self._measured[0].shape)
            axes = axes[-len(shape) :]
        self.layout = Layout(axes or guess_axes(shape), shape, recipe.volume)
        self.colour = "s" in self.layout.axes
        if self.colour and self._degrades and not recipe.degradation.is_image:
            raise ValueError(f"the degradation {recipe.degradation.name!r} takes no colour: split it into channels")
        if self.colour and (recipe.job in ("sample", "calibrate", "measure", "decompose", "inspect") or recipe.probes):
            raise ValueError("colour images can only be denoised, restored and degraded: split the layer into channels first")
        if isinstance(recipe.noise, Camera) and (self.colour or measured):
            raise ValueError("camera maps are those of grey images: split colour into channels, or choose another noise")
        if isinstance(recipe.noise, Camera):
            recipe.noise.check(self.layout.block_shape[-2:])
        self._channels = {number: channel.taken_for(recipe.strength) for number, channel in (channels or {}).items()}
        self._measures = channels is None
        self.left_out = LeftOut(recipe, self.layout, self._read, partial(self._cut, recipe.degradation))
        self._kept: OrderedDict[Index, NDArray[Any]] = OrderedDict()
        self._most_kept = 1

    @property
    def channels(self) -> list[Channel]:
        """The channels met so far."""
        return [self._channels[number] for number in sorted(self._channels)]

    def samples(self, index: Index) -> NDArray[Any]:
        """Return a block, shape (samples, components, [Z,] Y, X), missing pixels and outliers filled in.

        Colour comes as opponent samples, or as it is where the map of its channel takes that.

        Raises
        ------
        ValueError
            If values of a measurement that does not look like an image are missing.
        """
        channel = self._channels.get(self.layout.channel(index))
        block = self.left_out.filled(self._read(index), index, channel)
        if channel is not None and channel.lines:
            planes = block.reshape(-1, *block.shape[-2:])
            block = np.stack([channel.lines.without(plane) for plane in planes]).reshape(block.shape)
        if self.recipe.inverts and not self.recipe.degradation.is_image:
            return self._cut(self.recipe.degradation, index).corrected(block)
        if not self.colour:
            return block
        colours = block[:3, 0].astype(np.float32)
        return (colours if channel is not None and channel.takes_colours else to_opponent(colours))[:, None]

    def is_empty(self, index: Index) -> bool:
        """Tell whether a block holds no number at all."""
        return bool(self.left_out.nowhere(index).all())

    def are_all_empty(self) -> bool:
        """Tell whether no block of a whole image holds a number, once all were looked at."""
        return self._measures and all(self.is_empty(index) for index in self.layout)

    @property
    def is_wide(self) -> bool:
        """Whether the type of the image holds more digits than float32."""
        return is_wide(np.dtype(self.image.dtype))

    def _read(self, index: Index) -> NDArray[Any]:
        """Return a block as it is, or as an even camera would have seen it.

        The last ones are kept, as they are asked for again and may be expensive.
        """
        if index not in self._kept:
            block = np.stack([self.layout.read(part, index) for part in self._measured], 1)
            block = block.astype(np.uint8) if block.dtype == bool else block
            self._kept[index] = self.recipe.noise.evened(block) if isinstance(self.recipe.noise, Camera) else block
            self._look_at(self._kept[index], index)
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)
        self._kept.move_to_end(index)
        return self._kept[index]

    def keep(self, blocks: int) -> None:
        """Keep as many of the blocks that were read last."""
        self._most_kept = blocks

    def _look_at(self, block: NDArray[Any], index: Index) -> None:
        """Remember the grey levels of a block, without transparency and missing pixels."""
        if index in self.spans:
            return
        observed = self.left_out.observed(block.shape, index)
        block = block[:3] if self.colour else block if observed.all() else block[observed]
        span = self.spans[index] = Span.of(block)
        if max(abs(span.low), abs(span.high)) > LARGEST:
            check_representable(span.low, span.high)

    def span(self, index: Index) -> Span:
        """Return what is known of the grey levels of a block, outliers left out."""
        outliers = self.left_out.outliers(index, self._channels.get(self.layout.channel(index)))
        if not outliers.any():
            return self.spans[index]
        block = self.left_out.masked(self._read(index), index)
        return Span.of(block[np.broadcast_to(~outliers, block.shape)])

    def channel(self, index: Index) -> Channel:
        """Return what is known of a block's channel; measured once, on a few of its blocks."""
        number = self.layout.channel(index)
        if number not in self._channels:
            seen = self._sampled(number)
            frames = [self.seen(other) for other in seen]
            drifts = isinstance(self.recipe.noise, Auto) and not self.colour
            planes = steady(frames) if drifts else [plane for some in frames for plane in some]
            planes = planes or self._first_planes(number)
            if self.recipe.inverts and not self.recipe.degradation.is_image:
                known = [(self._cut(self.recipe.degradation, other), self._measurement(other)) for other in seen]
                starts = [plane for other in seen for plane in self._start(other)]
                self._channels[number] = channel_of(self.recipe, known, planes, starts).taken_for(self.recipe.strength)
            else:
                if spans := [self.spans[other] for other in seen if self.spans[other].pixels]:
                    check_representable(min(span.low for span in spans), max(span.high for span in spans))
                self._channels[number] = self.known_from(planes).taken_for(self.recipe.strength)
        return self._channels[number]

    def known_from(self, planes: list[NDArray[Any]], whole: bool = True) -> Channel:
        """Return what is known of a channel by what was `seen`, which is whole planes, or patches from several places."""
        return known_from(planes, self.recipe, self.colour, self.left_out.leaves_out_outliers, whole)

    def _sampled(self, number: int) -> list[Index]:
        indices = [other for other in self.layout if self.layout.channel(other) == number]
        if self.recipe.inverts and not self.recipe.degradation.is_image:
            return [indices[n] for n in spread(len(indices))]
        return [indices[n] for n in chosen(len(indices), lambda n: list(self._views(indices[n])))]

    def _views(self, index: Index) -> NDArray[Any]:
        """Return the planes of a block as they are, NaN where pixels are missing."""
        block = self.left_out.masked(self._read(index), index)
        return block.reshape(-1, *block.shape[-2:])

    def frame(self, index: Index) -> Channel:
        """Return what is known of a block's channel, with the noise level of this block where that is another one."""
        channel = self.channel(index)
        if channel.levels:
            return channel.in_frame(self.layout.place_along(index, self.layout.frames))
        several = self._measures and len(self.layout) > 1 and not self.colour
        if not several or not isinstance(self.recipe.noise, Auto):
            return channel
        found = of_frame(channel, self.planes(index))
        self._levels.setdefault(self.layout.channel(index), []).append(found.sigma)
        return found

    def drift(self) -> list[str]:
        """Return, in a sentence, between which levels the noise of frames was found to differ."""
        different = [levels for levels in self._levels.values() if max(levels) > min(levels)]
        told = ", ".join(f"{min(levels):.3g} to {max(levels):.3g}" for levels in different)
        return [f"The noise differs between frames: each was denoised at its own level, {told}."] if different else []

    def _first_planes(self, number: int) -> list[NDArray[Any]]:
        """Return the planes of the first block of a channel that is not empty, where those that were sampled are."""
        for index in self.layout:
            if self.layout.channel(index) == number and (planes := self.seen(index)):
                return planes
        raise ValueError("the image holds no numbers: every pixel is NaN, infinite or masked")

    def _start(self, index: Index) -> list[NDArray[np.float32]]:
        """Return the planes of a first estimate of the image, from a measurement that does not look like it."""
        degradation = self.degradation(index)
        y = torch.from_numpy(degradation.evened(self.samples(index)).astype(np.float32))
        estimate = degradation.span(y).numpy()
        return list(estimate.reshape(-1, *estimate.shape[-2:]))

    def degradation(self, index: Index) -> Degradation:
        """Return the degradation of a block; masks as large as the whole image are cut as it is, and have its missing pixels.

        What a measurement tells of it that does not look like an image, it knows.
        """
        if not self.recipe.inverts or self.recipe.degradation.is_image:
            return self.left_out.degradation(index)
        if index not in self._fitted:
            self._fitted[index] = self._cut(self.recipe.degradation, index).fitted(self._measurement(index))
        return self._fitted[index]

    def found(self) -> list[str]:
        """Return what measurements told of their degradation, a sentence each."""
        ndim = len(self.layout.block_shape)
        notes = dict.fromkeys(note for degradation in self._fitted.values() for note in degradation.notes(ndim))
        return [note for note in notes if note not in self.recipe.notes]

    def _measurement(self, index: Index) -> Tensor:
        return torch.from_numpy(self.samples(index)[:1].astype(np.float32))

    def _cut(self, degradation: Degradation, index: Index) -> Degradation:
        changed: dict[str, Any] = {}
        block_shape = self.layout.block_shape
        for name, value in degradation:
            if isinstance(value, Degradation):
                changed[name] = self._cut(value, index)
            elif degradation.hint(name, "layer") == "labels" and value.array.shape == self.layout.shape != block_shape:
                changed[name] = Input.of(self.layout.read(value.array, index)[0])
        return degradation.model_copy(update=changed) if changed else degradation

    def seen(self, index: Index) -> list[NDArray[Any]]:
        """Return some planes of a block, those of colour as (3, Y, X), as `known_from` takes them; else as `planes`."""
        if not self.colour:
            return self.planes(index)
        block = self.left_out.masked(self._read(index)[:3], index)
        every = np.moveaxis(block.reshape(3, -1, *block.shape[-2:]), 1, 0)
        stacks = [stack for stack in every if not np.isnan(stack).all()]
        return [stacks[n] for n in chosen(len(stacks), lambda n: list(stacks[n]))]

    def planes(self, index: Index) -> list[NDArray[Any]]:
        """Return some planes of a block, missing pixels as NaN; those without any pixel are left out."""
        channel = self._channels.get(self.layout.channel(index))
        if channel is not None and channel.impulses:
            block = np.stack([channel.evened(plane) for plane in self._views(index)])
        else:
            block = self.left_out.masked(self.samples(index), index)
        if self.recipe.inverts and self.recipe.degradation.has_noise_of_images:
            block = self.degradation(index).evened(block)
        planes = [plane for plane in block.reshape(-1, *block.shape[-2:]) if not np.isnan(plane).all()]
        return [planes[n] for n in chosen(len(planes), lambda n: planes[n : n + 1])]
