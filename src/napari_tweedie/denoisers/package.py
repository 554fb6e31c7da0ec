"""Packages of the BioImage Model Zoo (bioimage.io) as functions of images.

A package is a zip file: a description in YAML (https://bioimage-io.github.io/spec-bioimage-io), and weights in one or more
formats. Only TorchScript is opened, which needs no code of its author, and only steps around the network that are affine.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.external import MULTIPLE
from napari_tweedie.denoisers.torchscript import load_torchscript

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as Device

DESCRIPTIONS = ("bioimageio.yaml", "rdf.yaml")
PLANES = (("batch", "channel", "y", "x"), ("b", "c", "y", "x"))
"""The one layout of axes that is taken, as versions 0.5 and 0.4 of the format name it."""
EPS = 1e-6
LONGEST_DESCRIPTION = 2**20
LARGEST_RATIO, HARMLESS = 20, 2**26
"""Bytes of an archive per byte of its file, beyond `HARMLESS` ones: weights hardly shrink, bombs do a thousandfold."""

Step = tuple[str, Mapping[str, Any]]
"""Name and arguments of what is done before or after the network."""


@dataclass(frozen=True)
class Package:
    """A network and the affine steps before and after it, as its description says.

    Without steps after it, those before it are undone, so that the result has the grey levels of the input.

    Parameters
    ----------
    network : callable
        Maps planes to planes.
    before, after : tuple
        The steps.
    level : float, optional
        The noise level, in the network's own units, that a package of this plugin says its network is for; such a network is
        positively homogeneous, so that it serves any level by itself.
    multiple : int
        What height and width must be multiples of, as such a package says.
    """

    network: Callable[[Tensor], Tensor]
    before: tuple[Step, ...]
    after: tuple[Step, ...]
    level: float | None = None
    multiple: int = MULTIPLE

    def __call__(self, x: Tensor) -> Tensor:
        """Return what it makes of planes x, shape (N, 1, Y, X), each with statistics of its own."""
        gain, offset = torch.ones_like(x[:, :, :1, :1]), torch.zeros_like(x[:, :, :1, :1])
        for step in self.before:
            a, b = _affine(step, gain * x + offset, x)
            gain, offset = a * gain, a * offset + b
        result = self.network(gain * x + offset)
        if not self.after:
            return (result - offset) / gain
        for step in self.after:
            a, b = _affine(step, result, x)
            result = a * result + b
        return result


def load_package(path: Path, device: Device) -> Package:
    """Open a package, with its network on `device`.

    Raises
    ------
    ValueError
        If the file is no package, or one that cannot be used; the message says why and what would do.
    """
    import yaml

    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in DESCRIPTIONS if name in archive.namelist()), None)
            if name is None:
                raise ValueError(f"{path.name} is no bioimage.io package: it holds none of {', '.join(DESCRIPTIONS)}")
            if archive.getinfo(name).file_size > LONGEST_DESCRIPTION:
                raise ValueError(
                    f"{path.name} describes itself in more than {LONGEST_DESCRIPTION} bytes: it is no package to be read"
                )
            description = yaml.safe_load(archive.read(name))
            source = _torchscript(path, description["weights"])
            if [len(description[key]) for key in ("inputs", "outputs")] != [1, 1]:
                raise ValueError(f"{path.name} has several inputs or outputs: only a model of one image can denoise")
            (taken,), (returned,) = description["inputs"], description["outputs"]
            before, after = _steps(taken, "preprocessing"), _steps(returned, "postprocessing")
            _check(path, taken, returned, before + after)
            network = load_torchscript(archive.read(source), f"{source} in {path.name}", device)
    except (zipfile.BadZipFile, yaml.YAMLError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, zlib.error) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path.name} is no bioimage.io package that can be read ({reason})") from error
    return Package(network, before, after, *_of_this_plugin(description))


def _of_this_plugin(description: Mapping[str, Any]) -> tuple[float | None, int]:
    """Return the noise level, and what sizes are multiples of, that a package of this plugin says; of others, none and 16."""
    config = description.get("config")
    said = config.get("napari_tweedie") if isinstance(config, dict) else None
    if not isinstance(said, dict):
        return None, MULTIPLE
    levels, multiple = said.get("levels"), said.get("multiple")
    level = levels[0] if isinstance(levels, list) and levels else None
    known = isinstance(level, float) and 0 < level < inf
    return level if known else None, multiple if isinstance(multiple, int) and 0 < multiple <= MULTIPLE else MULTIPLE


def check_archive(path: Path) -> None:
    """Refuse a zip file that would fill the memory when it is opened; other files pass.

    Raises
    ------
    ValueError
        If it claims far more bytes than the file has, or its table of contents cannot be read: other readers of zip files may
        still open it.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError(f"{path.name} is a zip file whose contents cannot be listed ({error}): it is not opened") from error
    if size > HARMLESS and size > LARGEST_RATIO * path.stat().st_size:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes and claims to hold {size}: it is not opened")


def _torchscript(path: Path, weights: Mapping[str, Any]) -> str:
    if "torchscript" not in weights:
        raise ValueError(
            f"{path.name} holds its weights as {', '.join(weights)}, not as TorchScript: choose a model of the zoo that has "
            "them, or export it by torch.jit.trace"
        )
    return str(weights["torchscript"]["source"]).removeprefix("./")


def _steps(tensor: Mapping[str, Any], stage: str) -> tuple[Step, ...]:
    return tuple((step.get("id") or step["name"], step.get("kwargs") or {}) for step in tensor.get(stage) or ())


def _check(path: Path, taken: Mapping[str, Any], returned: Mapping[str, Any], steps: Sequence[Step]) -> None:
    """Refuse networks that do not map planes to planes, and steps that are not known."""
    for what in (taken, returned):
        axes = tuple(axis if isinstance(axis, str) else axis.get("id") or axis["type"] for axis in what["axes"])
        if axes not in PLANES:
            raise ValueError(f"{path.name} works on axes {', '.join(axes)}: only planes can be denoised, batch, channel, y, x")
    for name, arguments in steps:
        if name not in KNOWN or arguments.get("mode", "per_sample") not in ("per_sample", "fixed"):
            how = f" ({arguments['mode']})" if "mode" in arguments else ""
            known = f"{', '.join(KNOWN)}, with values that are given or those of one image"
            raise ValueError(f"{path.name} wants the step {name}{how}: known are {known}")


def _scale_linear(arguments: Mapping[str, Any], x: Tensor, reference: Tensor) -> tuple[Any, Any]:
    return _number(arguments.get("gain", 1.0), x), _number(arguments.get("offset", 0.0), x)


def _zero_mean(arguments: Mapping[str, Any], x: Tensor, reference: Tensor) -> tuple[Any, Any]:
    if "mean" in arguments and "std" in arguments:
        mean, std = (_number(arguments[name], x) for name in ("mean", "std"))
    else:
        mean, std = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), correction=0, keepdim=True)
    scale = std + arguments.get("eps", EPS)
    return 1 / scale, -mean / scale


def _scale_range(arguments: Mapping[str, Any], x: Tensor, reference: Tensor) -> tuple[Any, Any]:
    pixels = (reference if arguments.get("reference_tensor") else x).flatten(1)
    shares = (arguments.get("min_percentile", 0.0) / 100, arguments.get("max_percentile", 100.0) / 100)
    low, high = (_percentile(pixels, share).view(-1, 1, 1, 1) for share in shares)
    scale = high - low + arguments.get("eps", EPS)
    return 1 / scale, -low / scale


def _match(arguments: Mapping[str, Any], x: Tensor, reference: Tensor) -> tuple[Any, Any]:
    """Give x the mean and the standard deviation of what went into the package."""
    means, stds = zip(
        *((y.mean((1, 2, 3), keepdim=True), y.std((1, 2, 3), correction=0, keepdim=True)) for y in (x, reference)), strict=True
    )
    eps = arguments.get("eps", EPS)
    gain = (stds[1] + eps) / (stds[0] + eps)
    return gain, means[1] - gain * means[0]


def _nothing(arguments: Mapping[str, Any], x: Tensor, reference: Tensor) -> tuple[Any, Any]:
    return 1.0, 0.0


KNOWN: dict[str, Callable[[Mapping[str, Any], Tensor, Tensor], tuple[Any, Any]]] = {
    "scale_linear": _scale_linear,
    "zero_mean_unit_variance": _zero_mean,
    "fixed_zero_mean_unit_variance": _zero_mean,
    "scale_range": _scale_range,
    "scale_mean_variance": _match,
    "ensure_dtype": _nothing,
}
"""Gain and offset of every step, for planes x and those that went into the package."""


def _affine(step: Step, x: Tensor, reference: Tensor) -> tuple[Any, Any]:
    name, arguments = step
    return KNOWN[name](arguments, x, reference)


def _number(value: Any, like: Tensor) -> Tensor:
    """Return a number, or the only one of a list, a value a channel."""
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).reshape(-1)[:1].view(1, 1, 1, 1)


def _percentile(pixels: Tensor, share: float) -> Tensor:
    """Return a percentile of every row, interpolated; torch.quantile takes no large ones."""
    ordered = pixels.sort(1).values
    place = share * (pixels.shape[1] - 1)
    first = int(place)
    last = min(first + 1, pixels.shape[1] - 1)
    return torch.lerp(ordered[:, first], ordered[:, last], place - first)
