"""Run of a recipe from an image file to a result file."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.results import Progress, Result
from napari_tweedie.engine.run import run
from napari_tweedie.images.files import Picture, read, require_suffix, write
from napari_tweedie.large.regions import JOBS
from napari_tweedie.large.run_file import run_file
from napari_tweedie.large.schedulers import Scheduler, local

if TYPE_CHECKING:
    from napari_tweedie.recipe.recipe import Recipe


def run_to_file(
    recipe: Recipe,
    source: Path,
    target: Path,
    *,
    scheduler: Scheduler = local,
    cancelled: Callable[[], bool] = lambda: False,
    **inputs: Any,
) -> Generator[Progress, None, dict[str, Any]]:
    """Run a recipe on a file: in memory, or region by region where the result is an OME-Zarr and the job allows it.

    Parameters
    ----------
    recipe : Recipe
        What to do; axes and pixel size that it leaves open are those of the file.
    source, target : Path
        The image, and the TIFF or OME-Zarr to write.
    scheduler : callable
        Does the regions, see `schedulers`.
    cancelled : callable
        Asked again and again; the run raises `Cancelled` once it returns True.
    **inputs
        Arrays that the recipe's degradation names, such as ``psf`` or ``mask``.

    Yields
    ------
    Progress
        After every tile, iteration or region.

    Returns
    -------
    dict
        Provenance, as it is stored in the result.

    Raises
    ------
    ValueError, OSError, MemoryError, Cancelled
        As `run`, `run_file`, `read` and `write` do.
    """
    require_writable(target, source)
    picture = read(source)
    recipe = recipe.fitted(picture)
    if target.suffix.lower() == ".zarr" and recipe.job in JOBS and not recipe.probes:
        return (yield from run_file(recipe, source, target, scheduler=scheduler, cancelled=cancelled, picture=picture, **inputs))
    if scheduler is not local:
        raise ValueError(f"a cluster writes an OME-Zarr of the jobs {' and '.join(JOBS)} only: {target} must end in .zarr")
    result = yield from progress_of(run(recipe, picture.data, cancelled=cancelled, **inputs))
    write_result(result, picture, target)
    return result.provenance


def require_writable(target: Path, source: Path) -> None:
    """Refuse, before any work is done, a result that could not be written.

    Raises
    ------
    ValueError
        If it is the image itself, or its name says no format that can be written.
    FileNotFoundError, NotADirectoryError, PermissionError
        If its folder is none, or nothing may be written there.
    """
    if target.resolve() == source.resolve():
        raise ValueError(f"{target} is the image itself: choose another name for the result")
    require_suffix(target)
    folder = target.resolve().parent
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder} to write {target.name} to: make it first")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder: choose another place for {target.name}")
    if target.is_dir() and target.suffix.lower() != ".zarr":
        raise IsADirectoryError(f"{target} is a folder: choose another name for the result")
    if not os.access(folder, os.W_OK) or (target.is_file() and not os.access(target, os.W_OK)):
        raise PermissionError(f"{target} may not be written: choose another folder")


def progress_of(steps: Generator[Any, None, Result]) -> Generator[Progress, None, Result]:
    """Pass on the progress of a run, and return what it returns."""
    try:
        while True:
            if isinstance(step := next(steps), Progress):
                yield step
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        steps.close()


def write_result(result: Result, source: Picture, path: Path) -> None:
    """Write the images of a result with the axes and pixel sizes that follow from their source, and with its recipe.

    The first image gets the name, further ones get their own name appended.
    """
    axes, kept = source.axes[-len(result.zoom) :], slice(-len(result.zoom), None)
    spacing = tuple(size / zoom for size, zoom in zip(source.spacing[kept], result.zoom, strict=True))
    origin = tuple(o + (b - a) / 2 for o, a, b in zip(source.origin[kept], source.spacing[kept], spacing, strict=True))
    for number, (name, image) in enumerate(result.images.items()):
        extra = image.ndim - len(axes)  # components of a measurement, or several images
        target = path.with_name(f"{path.stem}_{name}{path.suffix}") if number else path
        write(
            target, image, "q" * extra + axes, (1.0,) * extra + spacing, source.unit, result.provenance,
            channels=source.channels, origin=(0.0,) * extra + origin,
        )  # fmt: skip
