"""Run on a layer in napari: a worker thread, a layer that grows, and one end for every way it can end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.array_input import Input
from napari_tweedie.degradations.noise import Camera
from napari_tweedie.engine.run import Preview, Progress, Result, measure, run
from napari_tweedie.images.axes import Layout
from napari_tweedie.recipe.defaults import with_neighbours
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.growing_layers import Growing
from napari_tweedie.widgets.layers.input import grey_unit, image_array
from napari_tweedie.widgets.layers.messages import summary, undecided
from napari_tweedie.widgets.runs.run import Run, paced

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_tweedie.degradations.noise import Noise


@dataclass(frozen=True)
class Order:
    """What to run on which layer; all of it is taken from forms and layers before the run starts.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    source : Image
        The input layer.
    what : str
        What the results are called after the input's name; empty: each by its own name.
    inputs : dict
        Arrays that the degradation names.
    crop : Crop
        The crop of the input to work on.
    estimated : bool
        Whether the noise level was left to the estimate.
    preview : bool
        Whether the result is only to be looked at.
    replaces : tuple of Image
        Layers that the results take the place of.
    notes : tuple of str
        What is odd about the layer, a sentence each.
    measures_whole : bool
        Whether the noise of the whole layer is to be measured first, as a run on all of it would.
    decided : bool
        Whether the user sees anyway, and before, what the noise was found to be.
    """

    recipe: Recipe
    source: Image
    what: str
    crop: Crop
    inputs: dict[str, Input] = field(default_factory=dict)
    estimated: bool = True
    preview: bool = False
    replaces: tuple[Image, ...] = ()
    notes: tuple[str, ...] = ()
    measures_whole: bool = False
    decided: bool = False


class Job(Run):
    """One run of an order in a viewer; it stops, too, when it has lost its layer or its viewer."""

    def __init__(self, viewer: Viewer, order: Order) -> None:
        super().__init__()
        self.viewer = viewer
        self.order = order
        self.layers = Growing(viewer, order.source, order.crop, order.what, order.replaces, self._provenance())
        self.trace: list[Mapping[str, float]] = []
        """What is known of the iterations of the block under way."""
        self._last: Preview | None = None

    def __repr__(self) -> str:
        return f"{self.order.source.name} · {self.order.what}"

    @property
    def is_complete(self) -> bool:
        """Whether the run has returned its result."""
        return self._result is not None

    @property
    def report(self) -> dict[str, Any]:
        """What there is to read at the end of an inspection; empty before, and for other jobs."""
        return self._result.provenance.get("read", {}) if self._result is not None else {}

    @property
    def fitting_width(self) -> float | None:
        """Width of the point-spread function to go on with, if the result puts that in doubt."""
        return self._result.provenance.get("fitting_width") if self._result is not None else None

    def start(self) -> None:
        super().start()
        self.viewer.layers.events.removed.connect(self._on_removed)

    def _steps(self) -> Generator[Progress | Preview, None, Result | None]:
        order, worker = self.order, self._worker
        array, recipe = image_array(order.source), order.recipe
        if not (recipe.inverts or recipe.first):  # whose axes may be those of components
            recipe, _ = with_neighbours(recipe, recipe.axes, array.shape)
        image, inside = order.crop.with_neighbours(array, recipe)
        if isinstance(recipe.noise, Camera) and order.crop != Crop.whole(array.shape):
            corner = (order.crop.start[recipe.axes.index(axis)] for axis in "yx")
            recipe = recipe.model_copy(update={"noise": recipe.noise.beginning(*corner)})
        if order.measures_whole:
            channel = order.crop.start[recipe.axes.index("c")] if "c" in recipe.axes else 0
            found = measure(recipe, array, **order.inputs)[channel]
            if not found.colours:  # whose models are measured again on the crop: a recipe holds one
                recipe = _knowing(recipe, found.noise)
        steps = run(recipe, image, cancelled=lambda: worker.abort_requested, inside=inside, **order.inputs)
        return (yield from paced(steps, self._see))

    def _see(self, step: Progress | Preview) -> None:
        """Remember, in the worker's thread, what the window may not be shown."""
        if isinstance(step, Preview):
            self._last = step
        elif step.facts.get("iteration") == 1:
            self.trace = [step.facts]
        else:
            self.trace.append(step.facts)

    def _on_yielded(self, step: Progress | Preview) -> None:
        if isinstance(step, Progress):
            super()._on_yielded(step)
        elif not self._reason:
            self.layers.show(step)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.order.source or event.value in self.layers:
            self.cancel(f"Stopped, because the layer {event.value.name!r} was removed")

    def _finish(self) -> None:
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        super()._finish()

    def _complete(self, result: Result) -> str:
        if self._last is not None:
            self.layers.show(self._last)
        notes = [*self.order.notes, *result.notes]
        facts = self._provenance() | result.provenance | {"notes": notes}
        self.layers.complete(facts, self.order.recipe)
        if result.outliers is not None and not self.order.preview:
            self.layers.add_outliers(result.outliers)
        told = summary(result.provenance, self.order.estimated, grey_unit(self.order.source), self.order.decided)
        return " ".join([f"{told}.", *(undecided(notes, result.provenance) if self.order.decided else notes)])

    def _stop(self) -> str:
        """Keep what is usable: a solver's estimate of all of the image, or the samples that are complete."""
        recipe, last = self.order.recipe, self._last
        if recipe.first:  # a step that is not finished is no result of all
            self.layers.remove()
            return f"{self._reason}; nothing was kept."
        layout = Layout(recipe.axes, image_array(self.order.source).shape, recipe.volume)
        finished = int(self.trace[-1].get("finished", 0)) if self.trace else 0
        usable = recipe.job == "restore" or (recipe.job == "sample" and finished > 0)
        removed = self._reason.startswith("Stopped")
        if not usable or last is None or len(layout) > 1 or removed or self.order.preview:
            self.layers.remove()
            return f"{self._reason}; nothing was kept."
        self.layers.show(last)
        if recipe.job == "sample":
            where = f"{finished} of {recipe.sampler.samples} samples"
            self.layers.keep(self._provenance(), recipe, where, finished)
            return f"{self._reason} after {where}, which are kept."
        where = f"{round(last.share * recipe.solver.steps())} of {recipe.solver.steps()}"
        self.layers.keep(self._provenance(), recipe, where, 0)
        return f"{self._reason} at iteration {where}; the estimate so far is kept."

    def _when_shown(self, then: Callable[[], object]) -> None:
        self.layers.when_added(then)

    def _leave(self) -> None:
        self.layers.forget()

    def _fail(self, error: Exception) -> str:
        self.layers.remove()
        return super()._fail(error)

    def _provenance(self) -> dict[str, Any]:
        crop = {"start": list(self.order.crop.start), "stop": list(self.order.crop.stop)}
        made = {"input": self.order.source.name, "grey_unit": grey_unit(self.order.source), "crop": crop}
        return made | {"recipe": self.order.recipe.model_dump(mode="json")}


def _knowing(recipe: Recipe, noise: Noise) -> Recipe:
    """Return a recipe that knows the noise of the image that its first step works on."""
    known = recipe.steps[0].model_copy(update={"noise": noise})
    return recipe.model_copy(update={"first": (known, *recipe.first[1:])}) if recipe.first else known
