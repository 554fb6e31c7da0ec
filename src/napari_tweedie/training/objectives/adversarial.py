"""Samples that are taken for targets, with the regression as their mean."""

from __future__ import annotations

from typing import ClassVar

from napari_tweedie.core.method import Parameter
from napari_tweedie.training.objectives.restoration import Regression


class PSCGAN(Regression):
    """PSCGAN: after the regression, samples of what the target may be are learnt, one in one pass, against a critic.

    Notes
    -----
    Ohayon, Adrai, Vaksman, Elad, Milanfar, "High perceptual quality image denoising with a posterior sampling CGAN" (2021): noise
    at every scale, a critic that sees the image, and the first-moment penalty, ``‖x − E G(y, z)‖²``. What the critic minimises is
    younger, see `training.critic`.
    """

    name: ClassVar[str] = "pscgan"
    title: ClassVar[str] = "Samples of targets (PSCGAN)"
    samples: ClassVar[bool] = True

    regression: float = Parameter(0.25, "Share of the steps in which the regression is learnt, first.", ge=0.01, le=0.9)
    penalty: float = Parameter(
        1.0, "Weight of the error of the samples' mean, in units of that of the regression.", ge=0.01, le=100, advanced=True
    )
