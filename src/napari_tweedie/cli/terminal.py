"""Progress bar and messages of a run in a terminal."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from napari_tweedie.core.results import Progress, Result, last

if TYPE_CHECKING:
    from napari_tweedie.images.files import Picture
    from napari_tweedie.recipe.recipe import Recipe

T = TypeVar("T")

out = Console()
err = Console(stderr=True)


def run_with_bar(recipe: Recipe, picture: Picture, **inputs: Any) -> Result:
    """Run a recipe on a picture with a progress bar in the terminal."""
    from napari_tweedie.engine.run import run
    from napari_tweedie.files.run_to_file import progress_of

    warn(picture.notes)
    result = with_bar(f"{recipe.job} {picture.name}", progress_of(run(recipe, picture.data, **inputs)))
    result.provenance["notes"] = [*picture.notes, *result.notes]
    tell(picture.name, result.provenance, picture.notes)
    return result


def with_bar(title: str, steps: Generator[Progress, None, T]) -> T:
    """Show the progress of a run in the terminal, and return what it returns."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[stage]}"), TimeRemainingColumn())
    with Bar(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=1.0, stage="")
        return last(steps, lambda step: bar.update(task, completed=step.share, stage=step.stage))


def warn(notes: Iterable[str]) -> None:
    """Say what the user should know, a line a note."""
    for note in notes:
        err.print(f"[yellow]{escape(note)}[/yellow]", highlight=False)


def tell(name: str, facts: dict[str, Any], told: Collection[str] = ()) -> None:
    """Say of a finished run what the user wants to know, without the notes that were told before."""
    levels = ", ".join(f"{level:.4g}" for level in facts["noise_levels"])
    interval = f" · {facts['interval']}" if "interval" in facts else ""
    err.print(f"{name}: σ = {levels or '-'}{interval} · {facts['seconds']} s on {facts['device']}", highlight=False)
    warn(note for note in facts["notes"] if note not in told)
