"""Trained networks as denoisers: weights, padding, precision and memory layout."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias, TypeVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.architectures import untrained
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.extremes import range_by_range
from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.images.versions import kept_until_changed

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch import device as Device
    from torch import dtype as DType

    from napari_tweedie.denoisers.convolutional_sparse_coding import ConvolutionalSparseCoding
    from napari_tweedie.denoisers.deep_ksvd import DeepKSVD
    from napari_tweedie.denoisers.error_network import ErrorNetwork
    from napari_tweedie.denoisers.fusion_network import FusionNetwork
    from napari_tweedie.denoisers.non_local_network import NonLocalNetwork
    from napari_tweedie.denoisers.unet import UNet

Network: TypeAlias = "UNet | NonLocalNetwork | ConvolutionalSparseCoding | DeepKSVD"
"""The networks whose weights are read and written here: their `forward` predicts the noise."""
AnyNetwork = TypeVar("AnyNetwork", "Network", "ErrorNetwork", "FusionNetwork")
WEIGHTS = Path(__file__).parents[1] / "weights"
ERRORS = "errors"
"""Name of the weights that know how far bundled denoisers err."""
STACK = "unet-stack"
"""Name of the weights that know what neighbours tell beyond their average."""
MAP_WINDOW = 9
"""Height and width, in pixels, over which a map of noise levels is averaged for a network that was trained on one level."""


class Unet(Denoiser):
    """Noise-conditioned, bias-free U-Net, trained on photographs, microscopy and medical images together.

    Positively homogeneous: ``f(k x, k σ) = k f(x, σ)`` for k > 0, so grey levels need no rescaling. Channels are
    denoised one by one; any size from one pixel up is padded inside. White noise of one level is left to weights that saw no
    other; maps of the level, and noise that is not white, to weights trained on such noise.
    """

    name: ClassVar[str] = "unet"
    title: ClassVar[str] = "U-Net"
    halo: ClassVar[int] = 56
    bytes_per_pixel: ClassVar[int] = 450
    keeps_without_noise: ClassVar[bool] = True
    is_homogeneous: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    flat_error: ClassVar[tuple[float, float]] = (0.035, 0.0012)
    longest_wave: ClassVar[float] = 48.0
    takes_map: ClassVar[bool] = True
    takes_levels: ClassVar[bool] = True
    knows_errors: ClassVar[bool] = True
    knows_fusion: ClassVar[bool] = True
    for_levels: ClassVar[str] = "unet-levels"
    """Name of the weights that are used where sigma is a map, or the levels of noise that is not white."""

    precision: Literal["auto", "float32", "bfloat16"] = Parameter(
        "auto", "Arithmetic of the network; auto: bfloat16 where this device is measured to run it faster.", advanced=True
    )

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        sigma = _plain(sigma)
        told = isinstance(sigma, torch.Tensor) and sigma.ndim > 1
        network = load_network(weights_file(self.for_levels if told else self.name), x.device)
        return denoise(network, x, sigma, self._precision(x.device))

    def _precision(self, device: Device) -> DType:
        from napari_tweedie.core.device import fastest_precision

        return fastest_precision(device) if self.precision == "auto" else getattr(torch, self.precision)

    def on(self, device: Device) -> Self:
        precision = str(self._precision(device)).removeprefix("torch.")
        return self if self.precision == precision else self.model_copy(update={"precision": precision})

    def provenance(self, device: Device) -> dict[str, Any]:
        precision = self.on(device).precision
        hashes = {"weights": self.name, "weights_for_levels": self.for_levels}
        hashes |= {"weights_for_errors": ERRORS} if self.knows_errors else {}
        hashes |= {"weights_for_stacks": STACK} if self.knows_fusion else {}
        return {**{key: weights_hash(weights_file(name)) for key, name in hashes.items()}, "precision": precision}


class UnetSmall(Unet):
    """`Unet` with a ninth of its weights, for laptops, large images and first looks: several times faster, a little less good."""

    name: ClassVar[str] = "unet-small"
    title: ClassVar[str] = "U-Net, small"
    halo: ClassVar[int] = 48
    flat_error: ClassVar[tuple[float, float]] = (0.045, 0.0022)
    takes_levels: ClassVar[bool] = False
    for_levels: ClassVar[str] = "unet-small"


class Lidia(Unet):
    """Small non-local network: similar patches are denoised together, first at half the size, then at full size.

    Positively homogeneous, as `Unet`, with 57 thousand weights. It knows white noise, of one level or of a map. Which patches are
    similar depends on the image in jumps, so derivatives are taken by differences.
    """

    name: ClassVar[str] = "lidia"
    title: ClassVar[str] = "LIDIA, non-local"
    halo: ClassVar[int] = 56
    bytes_per_pixel: ClassVar[int] = 300
    differentiable: ClassVar[bool] = False
    flat_error: ClassVar[tuple[float, float]] = (0.06, 0.003)
    takes_levels: ClassVar[bool] = False
    knows_fusion: ClassVar[bool] = False
    for_levels: ClassVar[str] = "lidia"

    precision: Literal["auto", "float32", "bfloat16"] = Parameter(
        "float32",
        "Arithmetic of the network; auto: bfloat16 where this device is measured to run it faster, 0.2 dB worse at low noise.",
        advanced=True,
    )

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        with torch.no_grad():
            return super().__call__(x, sigma)


def weights_file(name: str) -> Path:
    """Return where bundled weights are."""
    return WEIGHTS / f"{name}.safetensors"


def denoise(network: Network, x: Tensor, sigma: float | Tensor, precision: DType) -> Tensor:
    """Return the clean image, x − network(x, σ), for x of shape (B, C, Y, X), channel by channel, padded; x itself where σ is 0.

    σ is a number, one a sample, a map, or levels at every scale, as `level_maps` takes them.
    """
    samples, channels = x.shape[:2]
    planes = x.reshape(samples * channels, 1, *x.shape[2:])
    level = level_maps(sigma, x).repeat_interleave(channels, dim=0)
    noisy = level.amax(1, keepdim=True) > 0
    if level.shape[2:] != (1, 1):
        if network.levels == 1:
            level = _smooth(level.expand(-1, -1, *x.shape[2:]))
        level = pad_to_multiple(level.expand(-1, -1, *x.shape[2:]), network.stride)

    def cleaned(some: Tensor, level: Tensor) -> Tensor:
        padded = pad_to_multiple(some, network.stride)
        with torch.autocast(x.device.type, dtype=precision, enabled=precision is not torch.float32):
            made = network(padded.contiguous(memory_format=torch.channels_last), level)
        made = made[..., : x.shape[2], : x.shape[3]].to(x.dtype)
        return made if network.direct else some - made

    clean = cleaned(planes, level) if network.training else range_by_range(cleaned, planes, level)
    return torch.where(noisy, clean, planes).reshape(x.shape)


def _plain(sigma: float | Tensor) -> float | Tensor:
    """Return the level of every sample, (B,), of white noise: for even maps, and for levels that are the same at every scale."""
    if not isinstance(sigma, torch.Tensor) or sigma.ndim < 2:
        return sigma
    levels = sigma.flatten(1)
    return levels[:, 0] if bool((levels == levels[:, :1]).all()) else sigma


def _smooth(level: Tensor) -> Tensor:
    """Return the root mean square of a map around every pixel: all that a network can use that was trained on one level.

    Told levels of single pixels, `unet-small` lost 0.2 to 1.6 dB against one level for all.
    """
    variance = torch.nn.functional.avg_pool2d(level.square(), MAP_WINDOW, 1, MAP_WINDOW // 2, count_include_pad=False)
    return variance.sqrt()


@kept_until_changed(16)
def load_network(path: Path, device: Device) -> Network:
    """Build the network that a safetensors file describes and holds, on `device`, ready for inference."""
    return _loaded(path, device, untrained)


@kept_until_changed(16)
def load_errors(path: Path, device: Device) -> ErrorNetwork:
    """Build the network of errors that a safetensors file holds, on `device`, ready for inference."""
    from napari_tweedie.denoisers.error_network import ErrorNetwork

    return _loaded(path, device, lambda architecture, _: ErrorNetwork(architecture["denoisers"], architecture["widths"]))


@kept_until_changed(16)
def load_fusion(path: Path, device: Device) -> FusionNetwork:
    """Build the network that mends fused planes and that a safetensors file holds, on `device`, ready for inference."""
    from napari_tweedie.denoisers.fusion_network import FusionNetwork

    def made(facts: dict[str, Any], _: Any) -> FusionNetwork:
        return FusionNetwork(facts["denoisers"], facts["width"], facts["widths"])

    return _loaded(path, device, made)


def _loaded(path: Path, device: Device, made: Callable[[dict[str, Any], Any], AnyNetwork]) -> AnyNetwork:
    """Return what is made of the architecture that a safetensors file describes, with the weights that it holds."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        architecture = json.loads(file.metadata()["architecture"])
        with torch.random.fork_rng(devices=[]):  # weights that are drawn and replaced are no one's random numbers
            network = made(architecture, file)
        network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


@kept_until_changed(64)
def learning_of(path: Path) -> dict[str, Any]:
    """Return what a safetensors file says of how its weights were learnt from a user's images; empty where it says nothing."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            learning = json.loads((file.metadata() or {}).get("learning", "{}"))
    except (SafetensorError, OSError, ValueError):
        return {}
    return learning if isinstance(learning, dict) else {}


@kept_until_changed(64)
def weights_hash(path: Path) -> str:
    """Return the SHA-256 of a weights file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pad the last two axes at their ends to multiples of `multiple`, by reflection where the image is large enough."""
    for axis in (-2, -1):
        length = x.shape[axis]
        missing = -length % multiple
        pads = [0, missing, 0, 0] if axis == -1 else [0, 0, 0, missing]
        x = torch.nn.functional.pad(x, pads, mode="reflect" if missing < length else "replicate")
    return x
