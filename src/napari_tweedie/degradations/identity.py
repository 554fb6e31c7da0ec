"""What if nothing but noise was added?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.degradations.operator import Degradation

if TYPE_CHECKING:
    from torch import Tensor


class Identity(Degradation):
    """A = I: the image is noisy, nothing else."""

    name: ClassVar[str] = "identity"
    title: ClassVar[str] = "Noise only"

    def __call__(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        return y

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        return (y + rho * z) / (1 + rho)
