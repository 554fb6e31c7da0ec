"""Run of a recipe from an image file to a result file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_tweedie.core.results import Progress, Result, relayed
from napari_tweedie.engine.bad_pixels import KINDS
from napari_tweedie.engine.run import outputs, run
from napari_tweedie.images.claim import claimed
from napari_tweedie.images.files import Picture, check_target, names, plate, read, write
from napari_tweedie.images.picture import beside
from napari_tweedie.large.regions import JOBS
from napari_tweedie.large.run_file import run_file, unfinished
from napari_tweedie.large.schedulers import Cluster, Scheduler, Slurm, local

if TYPE_CHECKING:
    from napari_tweedie.images.plates import Plate
    from napari_tweedie.recipe.recipe import Recipe

OUTLIERS = "outliers"
"""What is behind the name of a result where the pixels that were left out are written."""
NAMED = 8
"""Further results that a note names; of more it tells the number."""


def run_to_file(
    recipe: Recipe,
    source: Path,
    target: Path,
    *,
    scheduler: Scheduler = local,
    cancelled: Callable[[], bool] = lambda: False,
    noted: Callable[[Sequence[str]], None] = lambda notes: None,
    with_outliers: bool = False,
    keep: Collection[Path] = (),
    **inputs: Any,
) -> Generator[Progress, None, dict[str, Any]]:
    """Run a recipe on a file: in memory, or region by region where the result is an OME-Zarr and the job allows it.

    Where the file holds several images, all are done; the results of further ones get ``_2``, ``_3``, … behind their name. Of
    an OME-Zarr plate, or a well, the result is another one of the same layout; in TIFF, further fields get ``_B_3_0``.

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
    noted : callable
        Told, before the work starts, what is odd about the file, a sentence each.
    with_outliers : bool
        Whether the kinds of the pixels that were left out are written beside the result, where there are some.
    keep : collection of Path
        Files besides the image that no result may replace: those of arrays, for instance.
    **inputs
        Arrays that the recipe's degradation names, such as ``psf`` or ``mask``.

    Yields
    ------
    Progress
        After every tile, iteration or region.

    Returns
    -------
    dict
        Provenance, as it is stored in the result of the first image; its notes are those of all.

    Raises
    ------
    ValueError, OSError, MemoryError, Cancelled
        As `run`, `run_file`, `read` and `write` do.
    """
    if target.resolve() == source.resolve():
        raise ValueError(f"{target} is the image itself: choose another name for the result")
    kept = (source, *keep)
    check_target(target, keep=kept)
    by_region = target.suffix.lower() == ".zarr" and recipe.job in JOBS and not recipe.probes and not recipe.first
    if isinstance(scheduler, Cluster | Slurm) and by_region:
        scheduler.check()
    if scheduler is not local and not by_region:
        raise ValueError(f"a cluster writes an OME-Zarr of the jobs {' and '.join(JOBS)} only: {target} must end in .zarr")
    if by_region and with_outliers:
        raise ValueError(f"outliers are not written of what is done region by region: write the result {target} as a TIFF")
    layout = plate(source)
    is_plate = by_region and layout is not None
    tasks = _of_plate(source, unfinished(target), layout.fields) if is_plate and layout else _of_file(source, target)
    if with_outliers:
        check_target(beside(target, OUTLIERS), keep=kept)
    odd = dict.fromkeys(layout.notes if layout else ())
    first = read(tasks[0].source, tasks[0].number)
    for n, task in enumerate(tasks):  # what can fail, fails before the first pixel
        picture = read(task.source, task.number) if n else first
        _check(recipe, picture, target if is_plate else task.target, by_region, inputs, kept)
        odd |= dict.fromkeys(picture.notes)
    noted(tuple(odd))
    if is_plate and layout:
        steps = _run_plate(recipe, layout, tasks, target, scheduler, cancelled, inputs)
    else:
        steps = _run_tasks(recipe, tasks, first, by_region, scheduler, cancelled, inputs, with_outliers)
    facts = yield from steps
    if len(tasks) > 1 and not is_plate:
        others = [task.target.name for task in tasks[1:]]
        some = ", ".join(others[:NAMED]) + (f" and {len(others) - NAMED} more" if len(others) > NAMED else "")
        facts["notes"] = [*facts["notes"], f"{source.name} holds {len(tasks)} images: the results of the others are in {some}."]
    return facts


def _kinds() -> str:
    return ", ".join(f"{number} {name}" for number, name in KINDS.items())


class Task(NamedTuple):
    """One of the images of a file, and where its result goes."""

    source: Path
    number: int
    target: Path


def _of_file(source: Path, target: Path) -> list[Task]:
    """Return the images of a file: results beside each other, those of further images numbered, or named by their wells."""
    found = names(source)
    ends = ["", *(name.replace("/", "_") if "/" in name else str(n + 2) for n, name in enumerate(found[1:]))]
    return [Task(source, n, beside(target, end) if n else target) for n, end in enumerate(ends)]


def _of_plate(source: Path, target: Path, fields: Sequence[str]) -> list[Task]:
    """Return the fields of a plate: results in their places in another one."""
    return [Task(source / field, 0, target / field) for field in fields]


def _run_plate(
    recipe: Recipe, layout: Plate, tasks: Sequence[Task], target: Path, scheduler: Scheduler, cancelled: Callable[[], bool],
    inputs: dict[str, Any],
) -> Generator[Progress, None, dict[str, Any]]:  # fmt: skip
    """Do all fields of a plate into another one, which appears under its name when it is complete; those that are there stay."""
    part = unfinished(target)
    with claimed(target):
        layout.begin(part, {"recipe": recipe.model_dump(mode="json")})
        left = [task for task in tasks if not task.target.exists()]
        if left:
            first = read(left[0].source)
            facts = yield from _run_tasks(recipe, left, first, True, scheduler, cancelled, inputs)
        else:
            facts = read(tasks[0].target).metadata
        part.rename(target)
    return facts


def _run_tasks(
    recipe: Recipe, tasks: Sequence[Task], first: Picture, by_region: bool, scheduler: Scheduler, cancelled: Callable[[], bool],
    inputs: dict[str, Any], with_outliers: bool = False,
) -> Generator[Progress, None, dict[str, Any]]:  # fmt: skip
    """Do one image after the other; return the provenance of the first, with the notes of all."""
    facts: list[dict[str, Any]] = []
    for n, task in enumerate(tasks):
        picture = read(task.source, task.number) if n else first
        own = recipe.fitted(picture)
        if by_region:
            steps = run_file(
                own, task.source, task.target,
                scheduler=scheduler, number=task.number, cancelled=cancelled, picture=picture, **inputs,
            )  # fmt: skip
        else:
            steps = _in_memory(own, picture, task.target, cancelled, inputs, with_outliers)
        facts.append((yield from _shared(steps, n, len(tasks))))
    return facts[0] | {"notes": list(dict.fromkeys(note for each in facts for note in each["notes"]))}


def _in_memory(
    recipe: Recipe, picture: Picture, target: Path, cancelled: Callable[[], bool], inputs: dict[str, Any], with_outliers: bool
) -> Generator[Progress, None, dict[str, Any]]:
    with claimed(target):
        result = yield from progress_of(run(recipe, picture.data, cancelled=cancelled, **inputs))
        result.provenance["notes"] = [*picture.notes, *result.notes]
        write_result(result, picture, target)
        if with_outliers and result.outliers is not None:
            own = picture.renamed(result.provenance["axes"])
            labels = beside(target, OUTLIERS)
            write(
                labels, result.outliers, own.axes, own.spacing, own.unit, {"kinds": KINDS},
                channels=own.channels, origin=own.origin, unknown=own.unknown, placement=own.placement,
            )  # fmt: skip
            result.provenance["notes"].append(f"Where they are is in {labels.name}: {_kinds()}.")
    return result.provenance


def _shared(
    steps: Generator[Progress, None, dict[str, Any]], number: int, count: int
) -> Generator[Progress, None, dict[str, Any]]:
    """Pass on the progress of one of several runs as that of all."""

    def told(step: Progress) -> Progress:
        stage = f"file image {number + 1} of {count} · {step.stage}" if count > 1 else step.stage
        return replace(step, share=(number + step.share) / count, stage=stage)

    return (yield from relayed(steps, told))


def _check(
    recipe: Recipe, picture: Picture, target: Path, by_region: bool, inputs: dict[str, Any], keep: Collection[Path]
) -> None:
    """Raise now what would be raised once the work is done: a result that cannot be written.

    Raises
    ------
    ValueError, OSError
        As `run` and `write` do.
    """
    own = recipe.fitted(picture).with_inputs(**inputs)
    axes = picture.renamed(own.axes).axes
    if by_region:
        check_target(target, axes)
        return
    made = outputs(own, picture.data)
    if not made:
        raise ValueError(f"the job {own.job!r} makes no image that could be written: run it from Python, or by its own command")
    for number, output in enumerate(made):
        extra = "q" * (output.count > 0)
        check_target(beside(target, output.name) if number else target, extra + axes, keep)


def progress_of(steps: Generator[Any, None, Result]) -> Generator[Progress, None, Result]:
    """Pass on the progress of a run, and return what it returns."""
    return (yield from relayed(steps, lambda step: step if isinstance(step, Progress) else None))


def write_result(result: Result, source: Picture, path: Path) -> None:
    """Write the images of a result with the axes and pixel sizes that follow from their source, and with its recipe.

    The first image gets the name, further ones get their own name appended.
    """
    source = source.renamed(result.provenance["axes"])
    axes, kept = source.axes[-len(result.zoom) :], slice(-len(result.zoom), None)
    spacing = tuple(size / zoom for size, zoom in zip(source.spacing[kept], result.zoom, strict=True))
    origin = tuple(o + (b - a) / 2 for o, a, b in zip(source.origin[kept], source.spacing[kept], spacing, strict=True))
    for number, (name, image) in enumerate(result.images.items()):
        extra = image.ndim - len(axes)  # components of a measurement, or several images
        target = beside(path, name) if number else path
        write(
            target, image, "q" * extra + axes, (1.0,) * extra + spacing, source.unit, result.provenance,
            channels=source.channels, origin=(0.0,) * extra + origin, unknown=source.unknown,
            placement=source.placement,
        )  # fmt: skip
