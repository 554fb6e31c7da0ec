"""Demo figure: what the plugin does, in one picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.recipe.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.images.files import Picture

SIDE = 256
"""Side of the part of every picture that is shown; smaller pictures are enlarged to it."""


@dataclass(frozen=True)
class Job:
    """A sample image, what is done to it, what the result is called, and where the part that is shown begins."""

    sample: str
    recipe: Recipe
    before: str
    result: str
    colormap: str
    inputs: dict[str, str] = field(default_factory=dict)
    corner: tuple[int, int] | None = None
    """Row and column of its upper left pixel; None: it is the middle of the image."""


JOBS = (
    Job("short_exposure", Recipe(job="denoise"), "short exposure", "denoised", "green", corner=(0, 150)),
    Job(
        "stack",
        Recipe(
            job="restore",
            volume=True,
            degradation={"name": "psf-blur", "psf": {"name": "stack_psf.tif"}},
        ),
        "blurred stack",
        "deblurred",
        "magma",
        {"psf": "stack_psf"},
    ),
    Job(
        "missing",
        Recipe(
            job="restore",
            degradation={"name": "mask", "mask": {"name": "missing_mask.tif"}},
            noise={"sigma": 0.0},
        ),
        "pixels missing",
        "inpainted",
        "gray",
        {"mask": "missing_mask"},
    ),
)


def show(pairs: list[tuple[Picture, NDArray[Any]]], path: Path, close: bool) -> Path:
    """Show a part of every sample above that of its result in napari, and save a screenshot.

    Parameters
    ----------
    pairs : list of (Picture, array)
        Samples of `JOBS` and their results.
    path : Path
        Where the screenshot is written.
    close : bool
        Whether to close napari afterwards; otherwise the call returns when the user closes it.

    Returns
    -------
    Path
        `path`.
    """
    import napari
    from skimage import io

    viewer = napari.Viewer(title="napari-tweedie", show=True)
    results = [(job.result, job, image) for job, (_, image) in zip(JOBS, pairs, strict=True)]
    samples = [(job.before, job, picture.data) for job, (picture, _) in zip(JOBS, pairs, strict=True)]
    for name, job, whole in samples + results:
        image = _part(whole, job.corner)
        layer = viewer.add_image(
            image,
            name=name,
            scale=(1.0,) * (image.ndim - 2) + (SIDE / image.shape[-2],) * 2,
            contrast_limits=tuple(np.percentile(image[image > 0], (0.5, 99.8))),
            colormap=job.colormap,
            rgb=False,
        )
        layer.name_overlay.visible = True
    viewer.canvas.grid.shape = (2, 3)
    viewer.canvas.grid.enabled = True
    viewer.window.resize(1280, 860)
    viewer.dims.set_current_step(0, pairs[1][1].shape[0] // 2)
    viewer.reset_view(margin=0)
    io.imsave(path, viewer.screenshot(canvas_only=False, flash=False), check_contrast=False)
    if close:
        viewer.close()
    else:
        napari.run()
    return path


def _part(image: NDArray[Any], corner: tuple[int, int] | None) -> NDArray[Any]:
    top, left = corner or (max(0, (length - SIDE) // 2) for length in image.shape[-2:])
    return image[..., top : top + SIDE, left : left + SIDE]
