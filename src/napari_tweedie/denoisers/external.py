"""Adapter of models from elsewhere, f(x) or f(x, σ), to denoisers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from napari_tweedie.core.device import is_out_of_memory
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Cancelled
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.network import pad_to_multiple

if TYPE_CHECKING:
    from torch import Tensor

MULTIPLE = 16
"""Images are padded to multiples of it: most networks halve them up to four times."""


def apply(
    model: Callable[..., Tensor], x: Tensor, sigma: float | Tensor, trained_sigma: float | None = None, multiple: int = MULTIPLE
) -> Tensor:
    """Denoise x, shape (B, C, Y, X), by a model that takes planes (N, 1, Y, X) of any size or of multiples of a number.

    Parameters
    ----------
    model : callable
        f(x, sigma), sigma being a tensor of shape (N,), or a number where the model says so; or f(x).
    x : Tensor
        Images.
    sigma : float or Tensor
        Noise level, a number or shape (B,); where it is 0 the image comes back as it is.
    trained_sigma : float, optional
        The only noise level that the model knows: it is applied as ``s f(x / s)`` with ``s = sigma / trained_sigma``.
    multiple : int
        What height and width must be multiples of.

    Raises
    ------
    ValueError
        If the model does not return what it should.
    """
    samples, channels = x.shape[:2]
    planes = x.reshape(samples * channels, 1, *x.shape[2:])
    level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(samples).repeat_interleave(channels)
    noisy = (level > 0).view(-1, 1, 1, 1)
    size = 1.0 if trained_sigma is None else torch.where(noisy, level.view(-1, 1, 1, 1) / trained_sigma, 1.0)
    padded = pad_to_multiple(planes / size, multiple)
    clean = _called(model, padded, level if trained_sigma is None else level.new_full(level.shape, trained_sigma))
    if not isinstance(clean, torch.Tensor) or clean.shape != padded.shape or clean.is_complex():
        complex_ = " of complex numbers" if isinstance(clean, torch.Tensor) and clean.is_complex() else ""
        returned = f"{tuple(clean.shape)}{complex_}" if isinstance(clean, torch.Tensor) else type(clean).__name__
        raise ValueError(f"the model must return images as it takes them, shape {tuple(padded.shape)} (it returned {returned})")
    clean = size * clean[..., : x.shape[2], : x.shape[3]].to(x.dtype)
    return torch.where(noisy, clean, planes).reshape(x.shape)


def _called(model: Callable[..., Tensor], x: Tensor, level: Tensor) -> Tensor:
    """Call a model; say what went wrong in it in one sentence."""
    try:
        return _answer(model, x, level)
    except (Cancelled, MemoryError):
        raise
    except Exception as error:  # whatever a stranger's code stumbles over
        if is_out_of_memory(error):
            raise
        reason = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ValueError(
            f"the model failed on planes of shape {tuple(x.shape)}, float32, with noise levels of shape {tuple(level.shape)}: "
            f"{reason[-1].strip()}"
        ) from error


def _answer(model: Callable[..., Tensor], x: Tensor, level: Tensor) -> Tensor:
    takes = takes_level(model)
    if takes == "nothing":
        return model(x)
    if takes == "tensor":
        return model(x, level)
    return torch.cat([model(plane[None], float(number)) for plane, number in zip(x, level, strict=True)])


def takes_level(model: Callable[..., Any]) -> str:
    """Return how a model takes the noise level, as its second parameter: as a "tensor", a "number", or "nothing"."""
    if isinstance(model, torch.jit.ScriptModule):
        types = [str(argument.type) for argument in model.forward.schema.arguments[2:3]]
        return "nothing" if not types else "number" if types[0] in ("float", "int", "number") else "tensor"
    function = model.forward if isinstance(model, torch.nn.Module) else model
    parameters = list(inspect.signature(function).parameters.values())
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return "tensor"
    second = [parameter for parameter in parameters[1:2] if parameter.kind is not parameter.KEYWORD_ONLY]
    if not second:
        return "nothing"
    return "number" if second[0].annotation in (float, "float") else "tensor"


class External(Denoiser):
    """A denoiser of another package, of the form f(x, σ)."""

    keeps_without_noise: ClassVar[bool] = True
    halo: ClassVar[int] = 64

    @classmethod
    def model(cls) -> Callable[..., Tensor]:
        """Return the model."""
        raise TypeError(f"{cls.__name__} has no model")

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        model = self.model()
        return apply(model.to(x.device) if isinstance(model, torch.nn.Module) else model, x, sigma)


@functools.cache
def wrapped(name: str, found: Any) -> type[External]:
    """Make a class of denoisers of what an entry point named: a function, an ``nn.Module``, or a class of such."""

    @functools.cache
    def model() -> Callable[..., Tensor]:
        made = found() if isinstance(found, type) else found
        return made.eval() if isinstance(made, torch.nn.Module) else made

    fields = {"name": name, "title": name, "model": staticmethod(model), "__doc__": inspect.getdoc(found) or External.__doc__}
    return type("External", (External,), {**fields, "__module__": __name__})
