"""Networks as packages of the BioImage Model Zoo (bioimage.io), for ilastik, deepImageJ and others: one image says its noise."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from napari_tweedie import denoisers
from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.coloured import relative_levels
from napari_tweedie.denoisers.file import File
from napari_tweedie.denoisers.network import Unet, learning_of, load_network, weights_file, weights_hash
from napari_tweedie.denoisers.stepwise import told_level
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.engine.channel import Channel
from napari_tweedie.images.files import as_path, check_place
from napari_tweedie.images.sources import as_picture
from napari_tweedie.recipe.recipe import Recipe

TESTED = 256
"""Height and width, at most, of the part of the image that goes along to test the package."""
LICENCE = "BSD-3-Clause"
"""Of the bundled weights."""


def write_package(
    image: Any, path: Path | str, denoiser: str | Path = "unet", *, sigma: float | None = None, name: str = "",
    author: str = "", licence: str = "", axes: str = "", **fields: Any,
) -> Path:  # fmt: skip
    """Write a network as a bioimage.io package, which other programs run: at the noise level of an image, in its grey levels.

    Such a package takes one image and no noise level, so that it is for images like this one: of its brightness, and with noise
    of its level. Photon noise counts as white noise of one level. The package holds a part of the image and what it makes of
    that.

    Parameters
    ----------
    image : array-like, layer or path
        As for `denoise`; of several planes the middle one counts.
    path : Path or str
        What to write, ``NAME.zip``; it must not exist.
    denoiser : str or Path
        A bundled U-Net, ``unet`` or ``unet-small``, or weights that were learnt from one, ``NAME.safetensors``.
    sigma : float, optional
        Standard deviation of the noise in grey levels, if it is known; it is measured otherwise.
    name, author : str
        What the package is called, by default as its file, and who made it.
    licence : str
        Of learnt weights, by its SPDX identifier, such as ``CC-BY-4.0``; that of the bundled ones is theirs.
    axes, **fields
        Fields of `Recipe`.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    ValueError
        If the network cannot be written so, or the image has no noise; the message says what would do.
    OSError
        If it cannot be written.
    """
    from napari_tweedie.denoisers.package import load_package
    from napari_tweedie.denoisers.package_writing import Description, traced
    from napari_tweedie.denoisers.package_writing import write_package as write

    path = as_path(path)
    check_place(path, ".zip")
    weights, own = _weights(denoiser)
    learning = learning_of(weights)
    network = load_network(weights, torch.device("cpu"))
    block, channel = _middle(image, sigma, axes, fields)
    if not channel.pixel_level > 0:
        raise ValueError("a package is for one noise level, and this image has no noise: give sigma above 0")
    test = _test_image(block, network.stride)
    levels, offset, scale = _levels(channel, learning), channel.intensity.offset, channel.intensity.scale
    script = traced(network, levels)
    facts = {
        "sigma": float(channel.sigma), "offset": float(offset), "scale": float(scale), "levels": levels,
        "multiple": network.stride,
        "weights": weights_hash(weights), "version": version("napari-tweedie"),
        "learning": learning,
    }  # fmt: skip
    title = f"{name or path.stem} denoiser"
    described = Description(
        "".join(letter if letter.isalnum() else " " for letter in title)[-128:].strip(),
        f"Removes white noise of standard deviation {channel.sigma:.4g} from grey images like the one in this package.",
        author, LICENCE if own else licence, _page(title, weights, channel, own), facts,
    )  # fmt: skip
    write(path, script, (test, _denoised(script, test, offset, scale)), (offset, scale), network.stride, described)
    load_package(path, torch.device("cpu"))  # what was written is read
    return path


def _weights(denoiser: str | Path) -> tuple[Path, bool]:
    """Return a file of weights, and whether it is one of the bundled ones."""
    if isinstance(denoiser, str) and denoiser in denoisers.names() and denoiser != File.name:
        if not issubclass(denoisers.registry.method(denoiser), Unet):
            raise ValueError(f"{denoiser} has no weights to be written in a package: give unet, unet-small, or a file of weights")
        return weights_file(denoiser), True
    path = Path(denoiser)
    if path.suffix != ".safetensors" or not path.is_file():
        raise ValueError(f"there are no weights {path}: give unet, unet-small, or a file of weights, NAME.safetensors")
    return path, False


def _middle(image: Any, sigma: float | None, axes: str, fields: dict[str, Any]) -> tuple[np.ndarray[Any, Any], Channel]:
    """Return the middle plane (Y, X) of an image, and what is known of its channel, its noise taken for that of one level."""
    picture = as_picture(image)
    known = {} if sigma is None else {"noise": {"name": "gaussian", "sigma": sigma}}
    recipe = Recipe(axes=axes, **known, **fields).fitted(picture)
    recipe = recipe.model_copy(update={"volume": False, "noise": recipe.noise.of_one_level()})
    blocks = Blocks(picture.data, recipe)
    index = blocks.layout.block(len(blocks.layout) // 2)
    block = np.asarray(blocks.samples(index), np.float64)
    if not np.isfinite(block).all():
        raise ValueError("pixels are missing in this image: give one that is whole to test the package with")
    return block[len(block) // 2, 0], blocks.channel(index)


def _test_image(plane: np.ndarray[Any, Any], stride: int) -> np.ndarray[Any, Any]:
    """Return the middle of a plane, continued by mirror images where it is too small, shape (1, 1, Y, X)."""
    from napari_tweedie.denoisers.package_writing import LEAST

    missing = [max(0, -(-LEAST // stride) * stride - length) for length in plane.shape]
    plane = np.pad(plane, [(0, n) for n in missing], mode="symmetric")
    sides = [min(length, TESTED) // stride * stride for length in plane.shape]
    top, left = ((length - side) // 2 for length, side in zip(plane.shape, sides, strict=True))
    return np.ascontiguousarray(plane[top : top + sides[0], left : left + sides[1]], np.float32)[None, None]


def _levels(channel: Channel, learning: dict[str, Any]) -> list[float]:
    """Return the noise levels that the network is told, of images about in [0, 1]."""
    level = channel.pixel_level
    if learning.get("restores"):
        return [float(told_level(torch.tensor(level)))]
    if channel.correlation is None:
        return [level]
    if not learning.get("correlated"):
        return [channel.level]
    return [level * share for share in relative_levels(channel.correlation, torch.zeros(1)).flatten().tolist()]


def _denoised(script: bytes, test: np.ndarray[Any, Any], offset: float, scale: float) -> np.ndarray[Any, Any]:
    """Return what the package makes of its test image, in grey levels."""
    from napari_tweedie.denoisers.torchscript import load_torchscript

    model = load_torchscript(script, "the package", torch.device("cpu"))
    with torch.no_grad():
        made = model(torch.from_numpy(test) * np.float32(1 / scale) + np.float32(-offset / scale))
    return np.asarray(made.numpy() * np.float32(scale) + np.float32(offset))


def _page(title: str, weights: Path, channel: Channel, own: bool) -> str:
    """Return the page about the package, with the model card of its weights where there is one."""
    card = weights.with_suffix(".md")
    told = card.read_text(encoding="utf-8") if card.is_file() else ""
    origin = "bundled with napari-tweedie" if own else "learnt with napari-tweedie"
    low, high = channel.intensity.offset, channel.intensity.offset + channel.intensity.scale
    return f"""# {title}

A U-Net {origin}, at one noise level: for grey images with white noise of standard deviation {channel.sigma:.4g}, whose dark and
bright pixels are about {low:.4g} and {high:.4g}. Other noise needs a package of its own.

## Validation

The package holds a test image and what it makes of it. On images with a known truth, compare the error before and after.

{told}"""
