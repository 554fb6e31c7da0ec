"""Learning in napari: a run like any other, but that it shows what the network makes of the layer, and ends in a file."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error

from napari_tweedie.core.results import Output
from napari_tweedie.engine.learning import view
from napari_tweedie.engine.run import Preview, Progress
from napari_tweedie.widgets.forms.learnt_networks import NETWORKS
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.layer_run import Job, Order
from napari_tweedie.widgets.runs.run import paced

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.engine.learning_session import Outcome, Session
    from napari_tweedie.training.run import Learnt

LOOK_SECONDS = 5.0
"""Seconds between two views of what the network makes of the layer; each takes less than a tenth of that."""
LOOK_SHARE = 10.0


class Learning(Job):
    """One session on the layer of an order; the best network is stored however it ends, if one is better beyond doubt.

    Parameters
    ----------
    viewer : Viewer
        Where the layer is open.
    order : Order
        The layer, the recipe for what is shown of it, and the crop that is shown.
    session : Session
        What is learnt from, how, and where it is written.
    """

    def __init__(self, viewer: Viewer, order: Order, session: Session) -> None:
        super().__init__(viewer, order)
        self.session = session
        self.outcome: Outcome | None = None
        """How it went, once it has ended."""
        self.curve: list[Mapping[str, float]] = []
        """Of every step its loss and the error on held-out pixels."""
        self._look: Preview | None = None
        self._next_look = 0.0

    def _steps(self) -> Generator[Progress | Preview, None, Any]:
        return (yield from paced(self._learn(), self._see))

    def _see(self, step: Progress | Preview) -> None:
        if isinstance(step, Preview):
            self._last = step

    def _learn(self) -> Generator[Progress | Preview, None, Learnt | None]:
        states = self.session.states()
        try:
            for state in states:
                self.curve.append({"step": state.step, "loss": state.loss, "held_out": state.held_out})
                if self._worker.abort_requested:
                    return None
                yield Progress(state.step / state.total, f"step {state.step} of {state.total}", self.session.seconds_left())
                if time.monotonic() >= self._next_look:
                    yield self._view(state)
        finally:
            states.close()
        if self.session.last is not None:
            yield self._view(self.session.last)
        return self.session.last

    def _view(self, state: Learnt) -> Preview:
        began = time.monotonic()
        restores = self.session.settings.objective.restores
        picture = view(state, self.order.crop.of(image_array(self.order.source)), self.order.recipe, restores)
        if self._look is None:
            self._look = Preview({"learning": picture}, {"learning": Output("learning")}, (), 1.0)
        self._look.images["learning"][...] = picture
        now = time.monotonic()
        self._next_look = now + max(LOOK_SECONDS, LOOK_SHARE * (now - began))
        return self._look

    def _complete(self, result: Any) -> str:
        return self._store("")

    def _stop(self) -> str:
        state = self.session.last
        return self._store(f"{self._reason} after {state.step} of {state.total} steps" if state else self._reason)

    def _store(self, when: str) -> str:
        if self._look is not None and self.layers.by_name:
            self.layers.show(self._look)
            self.layers.complete(self._provenance(), self.order.recipe)
        try:
            self.outcome = self.session.store(when)
        except OSError as error:
            show_error(sentence(error))
            return sentence(error)
        if self.outcome.path is not None:
            NETWORKS.changed.emit()
        return self.outcome.text
