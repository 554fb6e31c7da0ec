"""Batch in napari: like any other run, but that it goes from files to files."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_tweedie.files.batch import SUMMARY, Outcome, run_batch
from napari_tweedie.widgets.runs.run import Run, paced

if TYPE_CHECKING:
    from napari_tweedie.engine.run import Progress
    from napari_tweedie.recipe.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """What a batch does; all of it is taken from the form before the run starts.

    Parameters
    ----------
    images : sequence of Path
        The files.
    recipes : mapping of str to Recipe
        What to do to each, by name, with the arrays that go with it.
    folder : Path
        Where results are written.
    suffix : str
        Their format.
    """

    images: Sequence[Path]
    recipes: Mapping[str, Recipe]
    folder: Path
    suffix: Literal[".tif", ".zarr"]

    def tasks(self) -> list[tuple[Path, str]]:
        """Return file and recipe of all that is to be done, in its order."""
        return [(image, name) for image in self.images for name in self.recipes]


class BatchRun(Run):
    """One batch."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.outcomes: list[Outcome] = []
        """The outcomes of the first tasks, as far as it is known."""

    def __repr__(self) -> str:
        return f"{len(self.plan.tasks())} results"

    def _steps(self) -> Generator[Progress, None, list[Outcome] | None]:
        plan, worker = self.plan, self._worker
        steps = run_batch(
            plan.images, plan.recipes, plan.folder,
            suffix=plan.suffix, cancelled=lambda: worker.abort_requested, finished=self.outcomes.append,
        )  # fmt: skip
        return (yield from paced(steps))

    def _complete(self, result: list[Outcome]) -> str:
        failed = sum(outcome.status == "failed" for outcome in result)
        told = f"{len(result) - failed} of {len(result)} results are in {self.plan.folder}"
        return f"{told}; {failed} failed, see {SUMMARY} there." if failed else f"{told}."

    def _stop(self) -> str:
        done = f"{len(self.outcomes)} of {len(self.plan.tasks())}"
        return f"{self._reason} after {done}, which are kept; Run goes on with the rest."
