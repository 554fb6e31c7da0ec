"""Run of a recipe from an image file to a result file."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.results import Progress, Result
from napari_tweedie.engine.run import run
from napari_tweedie.images.files import Picture, read, write
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
    picture = read(source)
    recipe = fitted(recipe, picture)
    if target.suffix.lower() == ".zarr" and recipe.job in JOBS and not recipe.probes:
        return (yield from run_file(recipe, source, target, scheduler=scheduler, cancelled=cancelled, **inputs))
    if scheduler is not local:
        raise ValueError(f"a cluster writes an OME-Zarr of the jobs {' and '.join(JOBS)} only: {target} must end in .zarr")
    result = yield from progress_of(run(recipe, picture.data, cancelled=cancelled, **inputs))
    write_result(result, picture, target)
    return result.provenance


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


def fitted(recipe: Recipe, picture: Picture) -> Recipe:
    """Return the recipe with the axes and the pixel size of a picture, where it leaves them open."""
    known = {} if recipe.spacing else pixel_sizes(picture)
    return recipe.model_copy(update=known | {"axes": recipe.axes or picture.axes})


def pixel_sizes(picture: Picture) -> dict[str, Any]:
    """Return what a file says of its pixels, as fields of a recipe."""
    sizes = {axis: size for axis, size in zip(picture.axes, picture.spacing, strict=True) if axis in "zyx"}
    known = picture.unit != "pixel" or len(set(sizes.values())) > 1
    return {"spacing": tuple(sizes[axis] for axis in "zyx" if axis in sizes), "unit": picture.unit} if known else {}


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
