"""Learning from images, from arrays to stored weights."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from napari_tweedie import denoisers
from napari_tweedie.analysis.dark_noise import levels_by_brightness
from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.core import device as devices
from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.correlation import draw_noise
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.file import File, of_safetensors
from napari_tweedie.denoisers.levels import SCALES
from napari_tweedie.denoisers.network import denoise, learning_of, load_network, weights_file
from napari_tweedie.denoisers.stepwise import in_steps, told_level
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.engine.run import last, run
from napari_tweedie.engine.sampling import spread
from napari_tweedie.images.stabilisation import Stabilised
from napari_tweedie.recipe.defaults import objective_of
from napari_tweedie.training import objectives
from napari_tweedie.training.learning import Learning, learn
from napari_tweedie.training.memory import PLACES, likeness
from napari_tweedie.training.objectives import Auto
from napari_tweedie.training.registration import check_registered, matched_intensity
from napari_tweedie.training.run import Learnt
from napari_tweedie.training.tiles import Example, Tile, cut, told

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch import device as Device

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.denoisers.network import Network
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe

MAX_BLOCKS = 8
"""Blocks of an image that represent it."""
CLEAN = 0.5
"""A target whose noise is less than this share of its image's counts as clean."""


@dataclass(frozen=True)
class Source:
    """An image to learn from.

    Parameters
    ----------
    image : array-like
        The noisy image.
    recipe : Recipe
        Its axes and what is known of its noise.
    target : array-like, optional
        The same scene, clean or with noise of its own, of the same shape.
    name : str
        What it is called.
    """

    image: Any
    recipe: Recipe
    target: Any = None
    name: str = "image"


def resolved(settings: Learning, sources: Sequence[Source]) -> Learning:
    """Return settings in which nothing is left to be chosen: the objective that suits what is learnt from."""
    if not isinstance(settings.objective, Auto):
        return settings
    partners = all(source.target is not None for source in sources)
    chosen = objectives.registry.build(objective_of(partners))
    return settings.model_copy(update={"objective": chosen})


def learn_from(
    sources: Sequence[Source], settings: Learning, device: str = "auto", checkpoint: Path | None = None
) -> Generator[Learnt, None, None]:
    """Learn from images; what it yields, and its errors, are those of `training.learning.learn`."""
    place, settings = devices.pick(device), resolved(settings, sources)
    examples = [example for source in sources for example in examples_of(source, settings, place)]
    correlated = any(example.correlation is not None for example in examples)
    first, denoiser = first_network(settings, correlated, place), before(settings)
    return learn(first, examples, settings, _for_tiles(denoiser), checkpoint)


def likeness_of(network: Network, sources: Sequence[Source], settings: Learning, device: str = "auto") -> float | None:
    """Return how alike what a network draws from noise alone is to a place of what it learnt from; None of one that restores.

    See `training.memory.likeness`; some images stand for many.
    """
    if settings.objective.restores:
        return None
    some = [sources[number] for number in np.unique(np.linspace(0, len(sources) - 1, PLACES).astype(int))]
    examples = (example for source in some for example in examples_of(source, settings, devices.pick(device)))
    tiles = cut(examples, np.random.default_rng(settings.seed))[:PLACES]
    tile = tiles[0]
    denoiser = told(network, tile.example.correlation, torch.float32)
    generator = torch.Generator().manual_seed(settings.seed)
    return likeness(denoiser, tile.example.sigma, [tile.noisy for tile in tiles], generator)


def _for_tiles(denoiser: Denoiser) -> Callable[[Tile], Denoiser]:
    return lambda tile: matched(denoiser, tile.example.correlation)


def before(settings: Learning) -> Denoiser:
    """Return the denoiser that what is learnt must be better than: where it starts, or `unet` for a fresh network."""
    if settings.weights != Path():
        return File(path=settings.weights)
    return denoisers.load("unet" if settings.is_fresh else settings.start, precision="float32")


def first_network(settings: Learning, correlated: bool, device: Device) -> Network:
    """Return the network that learning starts from; one that learns from correlated noise is told its levels at every scale."""
    from napari_tweedie.denoisers.unet import UNet

    network = _started(settings, correlated, device)
    if settings.objective.samples and not (isinstance(network, UNet) and network.levels == 1 and not network.direct):
        raise ValueError(f"samples are learnt by unet and unet-small, and by networks that began as these (got {network})")
    return network


def _started(settings: Learning, correlated: bool, device: Device) -> Network:
    from napari_tweedie.denoisers.unet import UNet, initialise, with_levels

    levels = len(SCALES) if correlated else 1
    if settings.is_fresh:
        direct = settings.objective.is_blind
        small = load_network(weights_file("unet-small"), torch.device("cpu"))
        network = UNet(widths=small.widths, blocks=small.blocks, levels=levels, direct=direct)
        initialise(network, 0.7 if direct else 0.2, torch.Generator().manual_seed(settings.seed))
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network
    path = settings.weights
    if path != Path() and learning_of(path).get("samples"):
        raise ValueError(f"{path.name} is a trained sampler: start from a denoiser")
    if path == Path():
        path = weights_file("unet-levels" if correlated and settings.start == "unet" else settings.start)
        found = load_network(path, device)
    else:
        found = of_safetensors(path, device)
    if not correlated or found.levels > 1:
        return found
    if not isinstance(found, UNet):
        raise ValueError(f"{path.stem} learns from white noise alone, and this is correlated: start from unet or unet-small")
    return with_levels(found, levels)


def examples_of(source: Source, settings: Learning, device: Device) -> Iterator[Example]:
    """Yield some blocks of an image, as a denoiser would see them, with what is known of their noise.

    Raises
    ------
    ValueError
        If a target lies elsewhere, or there is no axis along which the objective could find another recording.
    """
    recipe = source.recipe.model_copy(update={"volume": False})
    if settings.objective.adds_noise and not _is_known(recipe):
        raise ValueError(
            f"clean images get the noise that the network is for: give its level (of {source.name}, 50 for instance)"
        )
    if "s" in recipe.axes:  # of colour, opponents are learnt from
        recipe = recipe.model_copy(update={"noise": recipe.noise.of_one_level()})
    blocks = Blocks(source.image, recipe)
    wants = settings.objective.needs_partner
    targets = Blocks(source.target, blocks.recipe) if wants and source.target is not None else None
    axis = _axis(blocks, getattr(settings.objective, "along", "auto"), source) if wants and targets is None else None
    for number in spread(len(blocks.layout), MAX_BLOCKS):
        index = blocks.layout.block(number)
        channel, block = blocks.channel(index), blocks.samples(index)
        noisy = channel.intensity.forward(block)
        partner, noise = None, 0.0
        if channel.places:
            levels = np.broadcast_to(channel.pixel_level * channel.places.over(noisy.shape[-2:]), noisy.shape)
        elif channel.correlation is not None or settings.objective.adds_noise:
            levels = None
        else:
            levels = _levels(noisy, channel.pixel_level)
        if settings.objective.adds_noise:
            partner = noisy
            drawn = _drawn(partner, channel.correlation, settings.seed + number)
            noisy = (partner + channel.pixel_level * drawn).astype(np.float32)
        if targets is not None:
            partner, noise = _target(block, targets.samples(index), channel, source.name)
        elif axis is not None:
            other = channel.intensity.forward(blocks.samples(_next(index, *axis)))
            slope, offset = matched_intensity(noisy[0, 0], other[0, 0])
            partner, noise = slope * other + offset, slope * channel.pixel_level
        correlation = None if settings.objective.restores else channel.correlation
        on_device = [None if array is None else torch.from_numpy(np.asarray(array, np.float32)).to(device)
                     for array in (noisy, partner, levels)]  # fmt: skip
        assert on_device[0] is not None
        yield Example(on_device[0], channel.pixel_level, correlation, on_device[1], noise, on_device[2])


def _is_known(recipe: Recipe) -> bool:
    """Return whether a recipe says how strong the noise is."""
    said = dict(recipe.noise)
    return recipe.noise.name != "auto" and all(said.get(name, 0.0) is not None for name in ("sigma", "gain"))


def _drawn(clean: NDArray[Any], correlation: Correlation | None, seed: int) -> NDArray[Any]:
    """Draw noise of standard deviation 1 for a block."""
    like = torch.zeros(clean.shape, dtype=torch.float32)
    noise: NDArray[Any] = draw_noise(like, correlation, torch.Generator().manual_seed(seed)).numpy()
    return noise


def _levels(noisy: NDArray[Any], sigma: float) -> NDArray[np.float32] | None:
    """Return the noise level of every pixel of a block, (B, 1, Y, X), where it goes with the brightness; else None."""
    found = [levels_by_brightness(plane, sigma) for plane in noisy[:, 0]]
    if all(each is None for each in found):
        return None
    even = np.full(noisy.shape[2:], sigma, np.float32)
    return np.stack([even if each is None else each for each in found])[:, None]


def _target(block: Any, target: Any, channel: Any, name: str) -> tuple[Any, float]:
    """Return a target in the units of its image, and the level of its noise there."""
    check_registered(block[0, 0], target[0, 0], f"the target of {name}")
    slope, offset = matched_intensity(block[0, 0], target[0, 0])
    brought = slope * target.astype(np.float64) + offset
    intensity, stabilised = channel.intensity, channel.intensity.forward(brought)
    noise = estimate_stack_noise_level(list(stabilised[:, 0]))
    if noise > CLEAN * channel.pixel_level:
        return stabilised, noise
    if isinstance(intensity, Stabilised):
        return (intensity.transform.expected(brought) - intensity.offset) / intensity.scale, 0.0
    return stabilised, 0.0


def _axis(blocks: Blocks, along: str, source: Source) -> tuple[int, int]:
    """Return the place, in the index of a block, and the length of the axis of further recordings."""
    loops = [axis for axis in blocks.layout.axes if axis not in "yxs"]
    for axis in "qtz" if along == "auto" else along:
        if axis in loops and (length := blocks.layout.shape[blocks.layout.axes.index(axis)]) > 1:
            return loops.index(axis), length
    raise ValueError(
        f"noise2noise needs a second recording of {source.name}: its axes {blocks.layout.axes!r} have no repeats, frames or "
        f"planes {'' if along == 'auto' else f'along {along} '}of at least two, and no target is given"
    )


def _next(index: Index, axis: int, length: int) -> Index:
    """Return the block of the next recording; of the last one, that before."""
    place = list(index)
    place[axis] += 1 if place[axis] + 1 < length else -1
    return tuple(place)


class Current(Denoiser):
    """A network that is still learning, as a denoiser."""

    name: ClassVar[str] = "current"
    title: ClassVar[str] = "Network that is learning"
    halo: ClassVar[int] = 56
    bytes_per_pixel: ClassVar[int] = 450

    restores: bool = False
    _network: Network = PrivateAttr()

    @classmethod
    def of(cls, network: Network, restores: bool) -> Self:
        """Return the denoiser of a network, or of one that learns to restore."""
        made = cls(restores=restores)
        made._network = network
        return made

    @property
    def knows_correlation(self) -> bool:  # type: ignore[override]
        """Whether it learns from images with correlated noise, or to restore."""
        return self.takes_levels or self.restores

    @property
    def takes_levels(self) -> bool:  # type: ignore[override]
        """Whether it is told noise levels at every scale."""
        return self._network.levels > 1

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        if self._network.architecture.get("samples"):
            return one_sample(self._network, x, sigma)
        if self.restores:
            return in_steps(lambda y, level: denoise(self._network, y, level, torch.float32), x, sigma, 1)
        return denoise(self._network, x, sigma, torch.float32)


def one_sample(network: Any, x: Tensor, sigma: float | Tensor, seed: int = 0) -> Tensor:
    """Return a sample of every image of x, (B, C, Y, X), always the same."""
    from napari_tweedie.denoisers.sampling_network import drawn

    planes, generator = x.flatten(0, 1).unsqueeze(1), torch.Generator().manual_seed(seed)
    noise = torch.randn((len(planes), len(network.widths), *x.shape[2:]), generator=generator).to(x)
    level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x)).repeat_interleave(x.shape[1])
    return drawn(network, planes, told_level(level), noise, torch.float32).view(x.shape)


def view(state: Learnt, image: Any, recipe: Recipe, restores: bool = False) -> NDArray[Any]:
    """Return what the network makes of an image as it is now, in grey levels; `restores`: whether it learns to restore."""
    changed = {"job": "denoise", "denoiser": Current.of(state.current, restores), "probes": 0}
    return last(run(recipe.model_copy(update=changed), image)).image
