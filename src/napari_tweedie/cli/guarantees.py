"""Command that finds, on several clean images, a width of intervals with a guarantee."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from napari_tweedie.cli.options import Array, Degradation, Denoiser, Mask, Psf, Set, Volume
from napari_tweedie.cli.recipes import apply_settings, files_of, noise_of, read_inputs
from napari_tweedie.cli.terminal import out, run_with_bar
from napari_tweedie.recipe.recipe import Recipe


def guarantee(
    images: Annotated[str, typer.Argument(help="A folder of clean images, or a quoted pattern such as 'clean/*.tif'.")],
    sigma: Annotated[float, typer.Option(help="Noise level of the measurements, in grey levels.")],
    alpha: Annotated[float, typer.Option(help="Share of the pixels that may lie outside.")] = 0.1,
    delta: Annotated[float, typer.Option(help="Probability that the calibration images mislead.")] = 0.1,
    degradation: Degradation = "identity",
    sampler: Annotated[str, typer.Option(help="A name from `list`; auto: what suits the degradation.")] = "auto",
    denoiser: Denoiser = "unet", psf: Psf = None, mask: Mask = None, array: Array = [], volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Find how wide intervals must be, so that with confidence 1 - delta at most a share alpha of the pixels lies outside."""
    from napari_tweedie.analysis.risk_control import guarantee, images_needed, too_few
    from napari_tweedie.files.batch import find
    from napari_tweedie.images.files import read

    needed, found = images_needed(alpha, delta), find(images)
    if len(found) < needed:
        raise ValueError(too_few(len(found), alpha, delta))
    recipe: dict[str, Any] = {"job": "calibrate", "degradation": degradation, "sampler": sampler, "denoiser": denoiser}
    recipe |= {"noise": noise_of(sigma), "volume": volume}
    apply_settings(set_, recipe)
    inputs = read_inputs({"psf": psf, "mask": mask, **files_of(array)})
    outside: list[NDArray[np.float64]] = []
    for path in found:
        source = read(path)
        planes = run_with_bar(Recipe(**recipe).fitted(source), source, **inputs).provenance["read"]["outside"]
        outside.append(np.mean(planes, axis=0))  # planes of a file are one image
    held = guarantee(np.array(outside), alpha, delta)
    low, high = min(held.left_out), max(held.left_out)
    width = f"the interval must be {held.factor:.4g} times as wide; leaving out one image, {low:.4g} to {high:.4g} times"
    next_ = "For intervals with this guarantee on images like these, add to the options of `sample`:"
    out.print(f"{len(found)} images (at least {needed} are needed): {width}.\n{next_}", highlight=False, soft_wrap=True)
    said = {"factor": f"{held.factor:.4g}", "alpha": f"{alpha:g}", "delta": f"{delta:g}", "images": str(len(found))}
    print(" ".join(f"--set interval.{name}={value}" for name, value in said.items()))
