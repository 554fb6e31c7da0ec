"""Networks whose weights are read and written here, by the names of their architectures."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from napari_tweedie.denoisers.network import Network

UNET = "unet"
"""The architecture of a weights file that names none."""


@functools.cache
def classes() -> dict[str, type[Network]]:
    """Return the classes of all networks."""
    from napari_tweedie.denoisers.convolutional_sparse_coding import ConvolutionalSparseCoding
    from napari_tweedie.denoisers.deep_ksvd import DeepKSVD
    from napari_tweedie.denoisers.non_local_network import NonLocalNetwork
    from napari_tweedie.denoisers.unet import UNet

    return {UNET: UNet, **{small.kind: small for small in (NonLocalNetwork, ConvolutionalSparseCoding, DeepKSVD)}}


def small(name: str, width: int, blocks: int) -> Network:
    """Return an untrained network of one width."""
    kind: Any = classes()[name]
    made: Network = kind(width, blocks)
    return made


def is_network(model: object) -> TypeGuard[Network]:
    """Tell whether a model is one of these networks."""
    return isinstance(model, tuple(classes().values()))


def name_of(network: Network) -> str:
    """Return the name of a network's architecture."""
    return str(network.architecture.get("name", UNET))


def untrained(architecture: dict[str, Any], file: Any) -> Network:
    """Return the network that a safetensors file describes, if it holds as many weights as it claims.

    A false claim could fill the memory.

    Raises
    ------
    ValueError
        If it claims others, or the architecture is none of these.
    """
    name, held = architecture.get("name", UNET), len(file.keys())
    if name == UNET:
        return _unet(architecture, file)
    if name not in classes():
        raise ValueError(f"there is no architecture {name!r}; there are: {', '.join(classes())}")
    width, blocks = architecture["width"], architecture["blocks"]
    claimed, first, axis = {
        "lidia": (8 * (blocks + 1), "coarse.first.within", 1),
        "csc": (3 * (blocks + 1), "analysis.0", 0),
        "deep-ksvd": (7 + 3 * (blocks + 1), "analysis.0", 0),
    }[name]
    if held != claimed or file.get_slice(first).get_shape()[axis] != width:
        raise ValueError(f"its architecture claims {claimed} weights of width {width}, and there are {held}")
    return small(name, width, blocks)


def _unet(architecture: dict[str, Any], file: Any) -> Network:
    from napari_tweedie.denoisers.unet import UNet

    widths, blocks, held = tuple(architecture["widths"]), architecture["blocks"], len(file.keys())
    scales = len(widths)
    samples = bool(architecture.get("samples", False))
    claimed = 2 * scales + (2 * blocks + samples) * (2 * scales - 1)
    coarse = [f"shrink.{n}.weight" for n in range(scales - 1)]
    if held != claimed or [file.get_slice(name).get_shape()[0] for name in ("head.weight", *coarse)] != list(widths):
        raise ValueError(f"its architecture claims {claimed} weights of widths {widths}, and there are {held}")
    if samples:
        from napari_tweedie.denoisers.sampling_network import SamplingUNet

        return SamplingUNet(widths, blocks)
    return UNet(widths=widths, blocks=blocks, levels=architecture.get("levels", 1), direct=architecture.get("direct", False))
