"""Batches: many files done with several recipes, and a log of the outcome of each."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_tweedie.core.results import Cancelled, Progress, relayed
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images import dicom, mrc, nifti, other_readers
from napari_tweedie.images.arrays import reason_of
from napari_tweedie.images.files import made_folder
from napari_tweedie.images.picture import stem
from napari_tweedie.images.picture import suffix as suffix_of
from napari_tweedie.images.tiff import SUFFIXES
from napari_tweedie.images.whole import is_full, whole

if TYPE_CHECKING:
    from napari_tweedie.recipe.recipe import Recipe

SUMMARY = "summary.csv"
IMAGES = {*SUFFIXES, *dicom.SUFFIXES, *nifti.SUFFIXES, *mrc.SUFFIXES, *other_readers.READERS, ".zarr", ".png", ".jpg", ".jpeg"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of a file: a row of the summary.

    Parameters
    ----------
    file, recipe : str
        The image, and the name of the recipe.
    status : str
        "done", "kept" if the output was there already, or "failed".
    why : str
        The reason, where it failed or was kept; what is odd, where it was done.
    seconds : float
        Time that it took.
    output : str
        The result.
    """

    file: str
    recipe: str
    status: Literal["done", "kept", "failed"]
    why: str
    seconds: float
    output: str


def find(images: str | Path) -> list[Path]:
    """Return the image files of a folder, or those that a pattern such as ``data/*.tif`` matches, in alphabetical order.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    text = str(images)
    if has_magic(text):
        found = [Path(name) for name in glob(text, recursive=True)]  # noqa: PTH207 - patterns may be absolute
    else:
        found = [path for path in Path(text).glob("*") if suffix_of(path) in IMAGES and not stem(path).endswith(".part")]
    if not found:
        raise FileNotFoundError(f"there are no images in {text}: name a folder of images, or a pattern such as 'data/*.tif'")
    return sorted(found)


def run_batch(
    images: Sequence[Path],
    recipes: Mapping[str, Recipe],
    folder: Path,
    *,
    suffix: Literal[".tif", ".zarr"] = ".tif",
    cancelled: Callable[[], bool] = lambda: False,
    finished: Callable[[Outcome], None] = lambda outcome: None,
    **inputs: Any,
) -> Generator[Progress, None, list[Outcome]]:
    """Run recipes on files, go on where one fails, and keep a table of it all in ``summary.csv``.

    A result that is there already is kept, so a batch that was cut off goes on where it stopped.

    Parameters
    ----------
    images : sequence of Path
        The files.
    recipes : mapping of str to Recipe
        What to do to each, by name.
    folder : Path
        Where results are written, as ``{image}_{recipe}`` with the suffix; it is made if need be.
    suffix : str
        Format of the results.
    cancelled : callable
        Asked again and again; the batch raises `Cancelled` once it returns True.
    finished : callable
        Told of every row of the summary as soon as it is known.
    **inputs
        Arrays for the recipes that name them.

    Yields
    ------
    Progress
        Of the whole batch.

    Returns
    -------
    list of Outcome
        A row for every file and recipe.

    Raises
    ------
    OSError
        If nothing more can be written: the folder cannot be made, or the disk is full.
    """
    made_folder(folder)
    started = time.monotonic()
    tasks = [(image, name) for image in images for name in recipes]
    outcomes: list[Outcome] = []
    written: dict[Path, Path] = {}
    for number, (image, name) in enumerate(tasks):
        output = folder / f"{stem(image)}_{name}{suffix}"
        before, status, why = time.monotonic(), "done", ""
        try:
            if (other := written.setdefault(output, image)) is not image:
                raise ValueError(f"its result would have the name of that of {other}: rename it, or give it a folder of its own")
            if output.exists():
                status, why = "kept", "the output exists"
            else:
                own = recipes[name].taken(inputs)
                steps = run_to_file(recipes[name], image, output, cancelled=cancelled, keep=images, **own)
                facts = yield from _within(steps, f"{image.name}, {name}", number, len(tasks), started)
                why = " ".join(facts["notes"])
        except Cancelled:
            raise
        except Exception as error:  # whatever is wrong with one file, the others are done
            if isinstance(error, OSError) and is_full(error):
                raise OSError(f"{error}; what is finished is kept in {folder}: run the same again to go on") from error
            status, why = "failed", reason_of(error)
        outcome = Outcome(str(image), name, status, why, round(time.monotonic() - before, 2), str(output))  # type: ignore[arg-type]
        outcomes.append(outcome)
        _write(folder / SUMMARY, outcomes)
        finished(outcome)
    return outcomes


def _within(
    steps: Generator[Progress, None, dict[str, Any]], what: str, number: int, count: int, started: float
) -> Generator[Progress, None, dict[str, Any]]:
    """Pass on the progress of one of several tasks as that of all."""

    def told(step: Progress) -> Progress:
        share = (number + step.share) / count
        left = (time.monotonic() - started) * (1 / share - 1) if share else 0.0
        return Progress(share, f"{what}: {step.stage}", left)

    return (yield from relayed(steps, told))


def _write(path: Path, outcomes: Sequence[Outcome]) -> None:
    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Outcome)])
        table.writeheader()
        table.writerows(asdict(outcome) for outcome in outcomes)
