"""Pairs of recordings of one scene: each has noise of its own, or the other has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from napari_tweedie.core.method import Parameter
from napari_tweedie.training.objectives.objective import Objective, Patches

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


class Noise2Noise(Objective):
    """Noise2Noise: a recording teaches what is in another one of the scene: a repeat, the next frame or plane, or a target.

    Noise of the target that is independent and of mean zero does not change what is learnt; the target may as well be clean.

    Notes
    -----
    Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data" (2018).
    """

    name: ClassVar[str] = "noise2noise"
    title: ClassVar[str] = "Noise2Noise (repeats, frames, planes, targets)"
    needs_partner: ClassVar[bool] = True

    along: Literal["auto", "q", "t", "z"] = Parameter(
        "auto",
        "Axis along which the recordings of a scene lie: q repeats, t frames, z planes; auto: the first of these there is.",
    )

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        assert patches.partner is not None
        return patches.mean((denoiser(patches.noisy, patches.sigma) - patches.partner).square())
