"""Which noise did the measurement add?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.lazy import torch
from napari_tweedie.method import Method, Parameter

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Gaussian(Method):
    """White Gaussian noise of one standard deviation everywhere."""

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian"

    sigma: float | None = Parameter(
        None, "Standard deviation, in grey levels of the image; none: estimated from the image.", unit="counts", ge=0
    )

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return `clean` plus noise, none if sigma is None, drawn on the CPU so that a seed means the same on every device."""
        noise = torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
        return clean + (self.sigma or 0.0) * noise.to(clean.device)
