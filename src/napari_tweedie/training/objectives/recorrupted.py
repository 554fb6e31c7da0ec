"""Recorrupted pairs: noise that is added, and taken away, makes two recordings of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.method import Parameter
from napari_tweedie.training.objectives.objective import Objective, Patches

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


class Recorrupted2Recorrupted(Objective):
    """Recorrupted2Recorrupted: ``y − z/α`` is estimated from ``y + α z``, with noise z like that of y; the two are independent.

    Needs the noise to be known, as Stein's estimate does; correlated noise is drawn with its spectrum. Each z is used with both
    signs, so that the noise of the targets weighs the difference of two estimates rather than each of them: steadier gradients.

    Notes
    -----
    Pang et al., "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image Denoising" (2021).
    """

    name: ClassVar[str] = "recorrupted2recorrupted"
    title: ClassVar[str] = "Recorrupted2Recorrupted"

    alpha: float = Parameter(0.5, "How much noise is added, relative to that of the image.", gt=0, le=4)

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        return patches.mean(squared(denoiser, patches, generator, self.alpha)[0])


def squared(denoiser: Denoise, patches: Patches, generator: Generator, alpha: float) -> tuple[Tensor, Tensor]:
    """Return the squared error against recorrupted targets, (B, 1, Y, X), and what of it is noise of these whatever is estimated.

    Both are means over the two signs of the noise that is drawn. The difference is the squared error at a noise level that is
    √(1 + α²) times as high, but for its randomness: an estimate without derivatives, for denoisers that jump.
    """
    z = patches.level_of_pixels * patches.draw_noise(generator)
    level = (1 + alpha**2) ** 0.5 * patches.sigma
    one, other = ((denoiser(patches.noisy + alpha * each, level) - patches.noisy + each / alpha).square() for each in (z, -z))
    return (one + other) / 2, z.square() / alpha**2 + patches.level_of_pixels.square()
