"""A denoiser of one's own: the local Wiener filter."""

from typing import ClassVar

import torch
from torch.nn.functional import avg_pool2d, avg_pool3d, pad

from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers import Denoiser


class LocalWiener(Denoiser):
    """Local Wiener filter (Lee 1980): where the variance around a pixel is that of the noise, it becomes the local mean."""

    name: ClassVar[str] = "local-wiener"
    title: ClassVar[str] = "Local Wiener filter"
    ndim: ClassVar[tuple[int, ...]] = (2, 3)
    halo: ClassVar[int] = 20
    keeps_without_noise: ClassVar[bool] = True
    is_homogeneous: ClassVar[bool] = True
    follows_offset: ClassVar[bool] = True

    radius: int = Parameter(2, "Half the side of the square, or cube, around a pixel.", unit="px", ge=1, le=10)

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
        """Return f(x, σ) for x of shape (B, C, [Z,] Y, X) and σ a number or of shape (B,)."""
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 1))
        mean = self.smooth(x)
        variance = self.smooth((x - mean).square())
        share = torch.where(level > 0, (variance - level**2).clamp_min(0) / variance.clamp_min(1e-30), 1.0)
        return mean + share * (x - mean)

    def smooth(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mean around every pixel; borders are repeated."""
        pool, axes = (avg_pool2d, 2) if x.ndim == 4 else (avg_pool3d, 3)
        return pool(pad(x, [self.radius] * 2 * axes, mode="replicate"), 2 * self.radius + 1, stride=1)


if __name__ == "__main__":
    from napari_tweedie.core.testing import check_denoiser

    check_denoiser(LocalWiener(), clean=torch.full((1, 1, 32, 32), 0.5))
    print("local-wiener passes")
