"""Denoiser from a file: a model of the user's own."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers import network
from napari_tweedie.denoisers.architectures import is_network
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.external import apply
from napari_tweedie.denoisers.own_networks import own_networks
from napari_tweedie.denoisers.package import Package, check_archive, load_package
from napari_tweedie.denoisers.stepwise import in_steps
from napari_tweedie.denoisers.torchscript import load_torchscript
from napari_tweedie.images.versions import kept_until_changed

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as Device

    from napari_tweedie.denoisers.unet import UNet


class File(Denoiser):
    """A model from a file: TorchScript of the form f(x, σ) or f(x), a bioimage.io package, or weights of this plugin's networks.

    Images reach it in units in which they span about [0, 1], channel by channel. Nothing but TorchScript and plain weights is
    opened: a pickled Python object could run any code. TorchScript is run only if all of its operations compute and do nothing
    else, such as reading or writing files, and if its loops end.
    """

    name: ClassVar[str] = "file"
    title: ClassVar[str] = "Model from a file"
    keeps_without_noise: ClassVar[bool] = True
    halo: ClassVar[int] = 64

    path: Path = Parameter(
        Path(),
        "TorchScript (.pt, .ts), a bioimage.io package (.zip), or weights of the U-Net (.safetensors, .pt, .pth). The first "
        "two are programs: napari asks once before it runs one.",
    )
    trained_sigma: float | None = Parameter(
        None, "The only noise level that it was trained for, of images in [0, 1]; none: it takes any.", unit="range", gt=0, le=10
    )
    sha256: str | None = Parameter(
        None,
        "Hash of its content: a learnt network is found by it whatever it is called now, and another content is refused.",
        advanced=True,
    )

    passes: int = Parameter(
        1, "Of a network that learnt to restore in steps: 1 is the most faithful, more are sharper.", ge=1, le=200, advanced=True
    )

    @property
    def knows_correlation(self) -> bool:  # type: ignore[override]
        """Whether the file holds a network that learnt from images with correlated noise, or to restore."""
        learning = self._learning()
        return bool(learning.get("correlated") or learning.get("restores"))

    def _learning(self) -> dict[str, Any]:
        """Return how the network in the file was learnt from a user's images, if it was."""
        path = self._found()
        return network.learning_of(path) if path is not None and path.suffix.lower() == ".safetensors" else {}

    @property
    def takes_map(self) -> bool:  # type: ignore[override]
        """Whether the file holds weights of this plugin's networks, which take maps of the noise level."""
        return self._levels() > 0

    @property
    def takes_levels(self) -> bool:  # type: ignore[override]
        """Whether it holds weights that were trained on noise that is not white."""
        return self._levels() > 1

    def _levels(self) -> int:
        """Return the channels of noise levels of the network in the file, 0 if it is another model or none."""
        model = load_file(self._path(), torch.device("cpu")) if self._found() else None
        return model.levels if is_network(model) else 0

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        model = load_file(self._path(), x.device)
        if is_network(model):
            if self._learning().get("samples"):
                raise ValueError(self.obstacle())
            if self._learning().get("restores"):
                return in_steps(lambda y, level: network.denoise(model, y, level, torch.float32), x, sigma, self.passes)
            return network.denoise(model, x, sigma, torch.float32)
        if isinstance(model, Package) and model.level is not None and self.trained_sigma is None:
            return apply(model.network, x, sigma, model.level, model.multiple)
        return apply(model, x, sigma, self.trained_sigma)

    def provenance(self, device: Device) -> dict[str, Any]:
        return {"weights": network.weights_hash(self._path())}

    def pinned(self) -> Self:
        return self.model_copy(update={"sha256": network.weights_hash(self._path())})

    def program(self) -> str:
        path = self._found()
        return network.weights_hash(path) if path is not None and is_program(path) else ""

    def obstacle(self) -> str:
        if (path := self._found()) is not None:
            trained = f"{path.name} is a trained sampler, no denoiser: choose it as the sampler 'trained' instead"
            return trained if self._learning().get("samples") else ""
        if self.path == Path() and not self.sha256:
            return "choose a file of a model"
        if not self.sha256:
            return f"there is no model at {self.path}: choose a file"
        what = "another content than the recipe says" if self.path.is_file() else "no model"
        return f"there is {what} at {self.path}, and no learnt network with the hash {self.sha256[:12]}: choose a file"

    def _found(self) -> Path | None:
        """Return the file: that at the path or, where the hash is known and another one, the learnt network that has it."""
        if self.path.is_file() and (not self.sha256 or network.weights_hash(self.path) == self.sha256):
            return self.path
        candidates = own_networks() if self.sha256 else []
        return next((path for path in candidates if network.weights_hash(path) == self.sha256), None)

    def _path(self) -> Path:
        """Return the file."""
        path = self._found()
        if path is None:
            raise ValueError(self.obstacle())
        return path


def is_program(path: Path) -> bool:
    """Tell whether a file holds code, TorchScript or a package of it, rather than numbers alone."""
    if path.suffix.lower() == ".zip":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False  # no archive, or one that `check_archive` refuses


@kept_until_changed(4)
def load_file(path: Path, device: Device) -> Callable[..., Tensor]:
    """Return the model that a file holds, on `device`, ready for inference.

    Raises
    ------
    ValueError
        If the file holds none, or holds it in a form that could run code when it is opened; the message names the way out.
    """
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return of_safetensors(path, device)
    if suffix == ".zip":
        return load_package(path, device)
    if suffix not in (".pt", ".ts", ".pth", ".jit", ".torchscript"):
        raise ValueError(
            f"{path.name} is no model that can be opened: give TorchScript (.pt, .ts), a package (.zip) or weights (.safetensors)"
        )
    check_archive(path)
    try:
        return load_torchscript(path.read_bytes(), path.name, device)
    except RuntimeError:  # no TorchScript
        return _of_state_dict(path, device)


def of_safetensors(path: Path, device: Device) -> network.Network:
    """Return one of this plugin's networks from a file of its weights.

    Raises
    ------
    ValueError
        If the file holds none.
    """
    from safetensors import SafetensorError

    try:
        return network.load_network(path, device)
    except (SafetensorError, KeyError, TypeError, AttributeError, ValueError, RuntimeError, RecursionError) as error:
        raise ValueError(
            f"{path.name} holds no weights of this plugin's networks with their architecture ({_first_line(error)}): "
            "export other models as TorchScript"
        ) from error


def _of_state_dict(path: Path, device: Device) -> UNet:
    """Return the U-Net whose widths and blocks the shapes of its weights tell."""
    from napari_tweedie.denoisers.unet import UNet

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the file holds besides
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # readers raise whatever they stumble over
        raise ValueError(
            f"{path.name} is neither TorchScript nor plain weights, and a pickled Python object could run any code: export it by "
            "torch.jit.trace or as safetensors"
        ) from error
    try:
        coarse = takewhile(lambda key: key in weights, (f"shrink.{n}.weight" for n in count()))
        widths = (weights["head.weight"].shape[0], *(weights[key].shape[0] for key in coarse))
        blocks = sum(1 for _ in takewhile(lambda key: key in weights, (f"bottom.{n}.first.weight" for n in count())))
        made = UNet(widths=widths, blocks=blocks, levels=weights["head.weight"].shape[1] - 1)
        if any(tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes() for tensor in weights.values()):
            raise TypeError("tensors that claim more numbers than the file holds")
        made.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(
            f"{path.name} holds weights, but not of this plugin's U-Net: export the model with its code by torch.jit.trace"
        ) from error
    made.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made.eval().requires_grad_(False)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
