"""Packages of the BioImage Model Zoo (bioimage.io), written: a network at one noise level, with its description and a test image.

The format is version 0.5 of https://github.com/bioimage-io/spec-bioimage-io. A program that reads it gets TorchScript that takes
grey levels, as affine steps before and after it bring them to what the network knows.
"""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_tweedie.denoisers.unet import UNet
from napari_tweedie.images.whole import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.denoisers.network import Network

FORMAT = "0.5.4"
HALO = 48
"""Pixels at the border of a tile that depend on what lies beyond it."""
LEAST = 2 * HALO + 32
"""Least height and width that a program should give the network."""
CITED = (
    (
        "Mohan et al., Robust and interpretable blind image denoising via bias-free convolutional neural networks, 2020",
        "10.48550/arXiv.1906.05478",
    ),
    ("Zhang et al., Plug-and-play image restoration with deep denoiser prior, 2021", "10.1109/TPAMI.2021.3088914"),
)


class AtOneLevel(nn.Module):
    """f(x) of a U-Net for noise of given levels, in operations that are the same for images of any size.

    Parameters
    ----------
    network : UNet
        Predicts the noise, or the clean image if it is direct.
    levels : sequence of float
        The noise level at a pixel, or that at every scale of `levels.SCALES`, of images about in [0, 1].
    """

    def __init__(self, network: UNet, levels: Sequence[float]) -> None:
        super().__init__()
        self.network, self.levels = network, tuple(levels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the clean images of x, shape (B, 1, Y, X), Y and X multiples of the network's stride."""
        made = self.network.at_once(torch.cat([x, *(torch.full_like(x, level) for level in self.levels)], 1))
        return made if self.network.direct else x - made


@dataclass(frozen=True)
class Description:
    """What a package says of itself, for people.

    Parameters
    ----------
    name : str
        At most 128 letters, digits and spaces.
    text : str
        What it is, in a sentence.
    author : str
        Who made the weights.
    licence : str
        Of the weights, by its SPDX identifier, such as ``CC-BY-4.0``.
    documentation : str
        A page in Markdown.
    facts : mapping
        What else determined the model, for programs of this plugin.
    """

    name: str
    text: str
    author: str
    licence: str
    documentation: str
    facts: Mapping[str, Any]


def traced(network: Network, levels: Sequence[float]) -> bytes:
    """Return TorchScript of a network at one noise level.

    Raises
    ------
    ValueError
        If its operations depend on the size of the image.
    """
    if not isinstance(network, UNet):
        raise ValueError(
            f"a {network} cannot be written as TorchScript, as its operations depend on the size of the image: give unet, "
            "unet-small, or a network that learnt from one of them"
        )
    levels = [float(np.mean(levels))] if network.levels == 1 else [*levels] * (network.levels if len(levels) == 1 else 1)
    model = AtOneLevel(network, levels).eval()
    content = io.BytesIO()
    with warnings.catch_warnings(), torch.enable_grad():  # without it, features are computed in place, strip by strip
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(model, torch.zeros(1, 1, 64, 64), check_trace=False), content)
    return content.getvalue()


def write_package(
    path: Path, script: bytes, test: tuple[NDArray[Any], NDArray[Any]], intensity: tuple[float, float], stride: int,
    description: Description,
) -> None:  # fmt: skip
    """Write a package.

    Parameters
    ----------
    path : Path
        Ends in ``.zip``.
    script : bytes
        TorchScript, as of `traced`.
    test : tuple of array
        An image in grey levels, shape (1, 1, Y, X), and what the package makes of it.
    intensity : tuple of float
        Offset and scale: the network gets (image − offset) / scale, and its result is mapped back.
    stride : int
        What height and width must be multiples of.
    description : Description
        What it says of itself.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import yaml

    arrays = {f"test_{name}.npy": _npy(array) for name, array in zip(("input", "output"), test, strict=True)}
    files = {"weights.pt": script, "README.md": description.documentation.encode(), **arrays}
    said = yaml.safe_dump(_described(files, intensity, stride, description), sort_keys=False, allow_unicode=True)
    with whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rdf.yaml", said)
        for name, content in files.items():
            archive.writestr(name, content)


def _described(
    files: Mapping[str, bytes], intensity: tuple[float, float], stride: int, description: Description
) -> dict[str, Any]:
    """Return the description that programs read."""
    offset, scale = intensity
    least = -(-LEAST // stride) * stride

    def file(name: str) -> dict[str, str]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    def tensor(name: str, test: str, axes: list[dict[str, Any]], steps: str, *done: tuple[float, float]) -> dict[str, Any]:
        affine = [{"id": "scale_linear", "kwargs": {"gain": a, "offset": b}} for a, b in done if (a, b) != (1, 0)]
        before = [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}, *affine]
        channel = {"type": "channel", "id": "channel", "channel_names": ["intensity"]}
        axes = [{"type": "batch"}, channel, *axes]
        return {"id": name, "axes": axes, "test_tensor": file(test), "data": {"type": "float32"}, steps: before}

    size = {"min": least, "step": stride}
    taken = [{"type": "space", "id": axis, "size": size.copy()} for axis in "yx"]
    made = [
        {"type": "space", "id": axis, "halo": HALO, "size": {"tensor_id": "raw", "axis_id": axis, "offset": 0}} for axis in "yx"
    ]
    licence = {"license": description.licence} if description.licence else {}
    return {
        "format_version": FORMAT,
        "type": "model",
        "name": description.name,
        "description": description.text,
        "authors": [{"name": description.author}] if description.author else [],
        "cite": [{"text": text, "doi": doi} for text, doi in CITED],
        **licence,
        "documentation": "README.md",
        "tags": ["denoising", "unet", "pytorch", "2d", "napari-tweedie"],
        "version": "0.1.0",
        "timestamp": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "inputs": [tensor("raw", "test_input.npy", taken, "preprocessing", (1 / scale, -offset / scale))],
        "outputs": [tensor("denoised", "test_output.npy", made, "postprocessing", (scale, offset))],
        "weights": {"torchscript": {**file("weights.pt"), "pytorch_version": torch.__version__.partition("+")[0]}},
        "config": {"napari_tweedie": dict(description.facts)},
    }


def _npy(array: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray(array, np.float32), allow_pickle=False)
    return content.getvalue()
