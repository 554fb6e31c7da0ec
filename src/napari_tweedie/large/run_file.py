"""Run of a recipe on a file larger than memory: region by region, resumable, on one machine or many."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.cancellation import cancellable, cancellation_point
from napari_tweedie.core.device import OutOfMemory
from napari_tweedie.core.results import Progress
from napari_tweedie.images import ngff, ome_zarr, ome_zarr_writing
from napari_tweedie.images.chunks import Region, regions
from napari_tweedie.images.claim import claimed
from napari_tweedie.images.files import read
from napari_tweedie.images.whole import is_full, not_written
from napari_tweedie.large import schedulers
from napari_tweedie.large.chunked_run import ChunkedRun, Done

if TYPE_CHECKING:
    import zarr

    from napari_tweedie.images.picture import Picture
    from napari_tweedie.recipe.recipe import Recipe


def run_file(
    recipe: Recipe,
    source: Path,
    target: Path,
    *,
    scheduler: schedulers.Scheduler = schedulers.local,
    ome_zarr_version: ngff.Version = "0.5",
    number: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
    picture: Picture | None = None,
    **inputs: Any,
) -> Generator[Progress, None, dict[str, Any]]:
    """Run a recipe on an image file and write an OME-Zarr, region by region.

    Range and noise level are measured once, so that regions fit together. A region becomes a chunk of the result, written
    at once or not at all; a run that was cut off, by whatever, leaves the finished chunks in ``NAME.part.zarr`` and goes on
    with the missing ones when it is started again.

    Parameters
    ----------
    recipe : Recipe
        What to do: denoise or restore.
    source, target : Path
        The image, and the OME-Zarr to write, a folder that does not exist.
    scheduler : callable
        Does the regions, see `schedulers`.
    ome_zarr_version : str
        Version of the result's format, 0.4 or 0.5.
    number : int
        Which of the images of the file, counted as `images.files.names` does.
    cancelled : callable
        Asked after every region and, where this process does them, also within; the run raises `Cancelled` once it returns
        True.
    picture : Picture, optional
        The image, if it has been read already.
    **inputs
        Arrays that the recipe's degradation names, such as ``psf`` or ``mask``.

    Yields
    ------
    Progress
        After every region.

    Returns
    -------
    dict
        Provenance, as it is stored in the result.

    Raises
    ------
    ValueError
        If the recipe cannot be done region by region, or what is to be resumed is another run.
    FileExistsError
        If there is something called `target`, or another run is writing it.
    OSError
        If a chunk cannot be read or written; finished ones are kept.
    """
    picture = picture or read(source, number)
    steps = _run(recipe.fitted(picture).with_inputs(**inputs), picture, source, number, target, scheduler, ome_zarr_version)
    with claimed(target):
        return (yield from cancellable(steps, cancelled))


def _run(
    recipe: Recipe,
    picture: Picture,
    source: Path,
    number: int,
    target: Path,
    scheduler: schedulers.Scheduler,
    version: ngff.Version,
) -> Generator[Progress, None, dict[str, Any]]:
    started = time.monotonic()
    if target.exists():
        raise FileExistsError(f"{target} exists: choose another name, or remove it")
    part = unfinished(target)
    begin = ChunkedRun.resume if part.exists() else partial(ChunkedRun.start, version=version)
    work = begin(recipe, source, part, picture=picture, number=number)
    if work.shortage:
        yield Progress(0.0, work.shortage, 0.0)
    told: list[Done] = []
    try:
        for region in _done(work):  # by an earlier part of this run
            cancellation_point()
            told.append(work.look_at(region))
        yield from _regions(work, scheduler, told)
    except (OSError, MemoryError) as error:
        kept = f"; what is done is kept in {part}: run the same again to go on"
        if isinstance(error, MemoryError):
            raise OutOfMemory(f"{error}{kept}") from error
        if is_full(error):
            raise not_written(target, error, kept) from error
        raise OSError(f"{error}{kept}") from error
    missing = sum(done.missing for done in told)
    several = "1 pixel is" if missing == 1 else f"{missing} pixels are"
    notes = [f"{several} missing (not finite, or masked), and empty in the result."] if missing else []
    notes += sorted({done.shortage for done in told if done.shortage})
    work.finish(time.monotonic() - started, ", ".join(sorted({done.device for done in told})), notes)
    part.rename(target)
    return work.facts


def unfinished(target: Path) -> Path:
    """Return where an OME-Zarr lies as long as chunks are missing."""
    return target.with_name(f"{target.stem}.part.zarr")


def _regions(work: ChunkedRun, scheduler: schedulers.Scheduler, told: list[Done]) -> Generator[Progress, None, None]:
    """Do what is missing, level by level, as a coarser level is made from the finer one; collect what is told of it."""
    levels = ome_zarr_writing.levels(work.part)
    total = sum(1 for array in levels for _ in regions(array.shape, ome_zarr.unit(array)))
    finished = total - sum(1 for level, array in enumerate(levels) for _ in _missing(work, level, array))
    before, done = time.monotonic(), finished
    for level, array in enumerate(levels):
        for told_of_one in scheduler(partial(work.do, level), _missing(work, level, array)):
            told.append(told_of_one)
            done += 1
            seconds = (time.monotonic() - before) / (done - finished) * (total - done)
            yield Progress(done / total, f"region {done} of {total}", seconds)
            cancellation_point()


def _done(work: ChunkedRun) -> Iterator[Region]:
    array = ome_zarr_writing.levels(work.part)[0]
    return (region for region in regions(array.shape, ome_zarr.unit(array)) if work.is_done(0, region))


def _missing(work: ChunkedRun, level: int, array: zarr.Array[Any]) -> Iterator[Region]:
    return (region for region in regions(array.shape, ome_zarr.unit(array)) if not work.is_done(level, region))
