"""How is a layer denoised in napari?"""

from __future__ import annotations

from typing import ClassVar

from napari_tweedie.recipe import JobName
from napari_tweedie.widgets.panel import Panel


class Denoise(Panel):
    """The dock *Denoise*: noise is removed, nothing else is undone."""

    job: ClassVar[JobName] = "denoise"
