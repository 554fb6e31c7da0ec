"""A degradation of one's own: light that falls off towards the corners."""

from typing import ClassVar

import torch

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations import Degradation
from napari_tweedie.degradations.svd import SVD


class Vignetting(Degradation):
    """Light that falls off with the square of the distance from the middle of the plane: ``A x = g x``."""

    name: ClassVar[str] = "vignetting"
    title: ClassVar[str] = "Vignetting"
    is_pixelwise: ClassVar[bool] = True

    corner: float = Parameter(0.4, "What is left of the light in the corners.", gt=0, le=1)

    def gain(self, x: torch.Tensor) -> torch.Tensor:
        """Return g, shape (Y, X), for images of the shape, dtype and device of x."""
        rows, columns = (torch.linspace(-1, 1, n, dtype=x.dtype, device=x.device) for n in x.shape[-2:])
        return 1 - (1 - self.corner) * (rows[:, None] ** 2 + columns**2) / 2

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return A x."""
        return self.gain(x) * x

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        """Return Aᵀ y."""
        return self.gain(y) * y

    def start(self, y: torch.Tensor) -> torch.Tensor:
        """Return y over g, as bright as the image."""
        return y / self.gain(y)

    def prox(self, z: torch.Tensor, y: torch.Tensor, rho: float) -> torch.Tensor:
        """Return ``argmin_x ½‖A x − y‖² + ½ρ‖x − z‖²`` in closed form; without this method, conjugate gradients find it."""
        g = self.gain(z)
        return (g * y + rho * z) / (g.square() + rho)

    def svd(self, x: torch.Tensor) -> SVD:
        """Return the decomposition, whose directions are the pixels; samplers that need one can then treat this operator."""
        return SVD.of_normal(self, self.gain(x).expand(x.shape[2:]), lambda c: c, lambda x: x)


if __name__ == "__main__":
    from napari_tweedie.core.testing import check_degradation

    check_degradation(Vignetting(), (16, 20))
    check_degradation(Vignetting(corner=0.1), (4, 16, 20))
    print("vignetting passes")
