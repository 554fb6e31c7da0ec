"""Objective: what a network minimises over noisy images, with no clean one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.method import Method
from napari_tweedie.degradations.correlation import draw_noise

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.denoisers.denoiser import Denoise


@dataclass(frozen=True)
class Patches:
    """What a step learns from.

    Parameters
    ----------
    noisy : Tensor
        y, shape (B, 1, Y, X), about in [0, 1].
    sigma : Tensor
        Standard deviation of the noise of a pixel, shape (B,).
    counts : Tensor
        Which pixels may be learnt from, bool, shape (B, 1, Y, X): the others are held out.
    correlation : Correlation, optional
        How neighbours share noise; None: not at all.
    partner : Tensor, optional
        The same scene with noise of its own, or none, shape (B, 1, Y, X).
    levels : Tensor, optional
        Noise level of every pixel, (B, 1, Y, X); None: that of the patch everywhere.
    """

    noisy: Tensor
    sigma: Tensor
    counts: Tensor
    correlation: Correlation | None = None
    partner: Tensor | None = None
    levels: Tensor | None = None

    @property
    def level(self) -> Tensor:
        """The noise level, shape (B, 1, 1, 1)."""
        return self.sigma.view(-1, 1, 1, 1)

    @property
    def level_of_pixels(self) -> Tensor:
        """The noise level of every pixel, of a shape that goes with (B, 1, Y, X)."""
        return self.level if self.levels is None else self.levels

    def draw_noise(self, generator: Generator) -> Tensor:
        """Draw noise of standard deviation 1 of the kind that is in the patches, shape (B, 1, Y, X)."""
        return draw_noise(self.noisy, self.correlation, generator)

    def mean(self, error: Tensor) -> Tensor:
        """Return the mean of an error over the pixels that may be learnt from, in noise variances."""
        relative = (error / self.level.square())[self.counts]
        return relative.sum() / max(1, relative.numel())


class Objective(Method):
    """One way to learn to denoise from noisy images alone. Subclasses define `loss`, which reads like the paper."""

    needs_partner: ClassVar[bool] = False
    """Whether it takes a second image of the same scene."""
    restores: ClassVar[bool] = False
    """Whether what is learnt is to be called once on a degraded image, or in steps, and is no denoiser of any level."""
    samples: ClassVar[bool] = False
    """Whether what is learnt draws samples, by `training.adversarial`, and is no denoiser."""
    adds_noise: ClassVar[bool] = False
    """Whether the images are clean, and get noise of the kind that is given."""
    is_blind: ClassVar[bool] = False
    """Whether a network that is trained from nothing must not see the pixel it estimates on a way of its own."""

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        """Return what is minimised: a squared error in noise variances.

        Parameters
        ----------
        denoiser : callable
            f(x, sigma), with σ of shape (B,).
        patches : Patches
            What is learnt from.
        generator : Generator
            Source of all randomness, on the CPU.
        """
        raise TypeError(f"{type(self).__name__} defines no loss")


class Auto(Objective):
    """The objective that suits the noise that was measured: `recipe.defaults` says which."""

    name: ClassVar[str] = "auto"
    title: ClassVar[str] = "Automatic"
