"""Adaptation in napari: like any other run, but that it ends in a file."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error

from napari_tweedie.engine.adaptation import adapt_to, save_adapted, unused
from napari_tweedie.engine.run import Progress
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.layer_run import Job, Order
from napari_tweedie.widgets.runs.run import paced

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.training.adapt import Adaptation, Adapted


class Learning(Job):
    """One adaptation to the layer of an order; the best network is stored however it ends, if one is better beyond doubt.

    Parameters
    ----------
    viewer : Viewer
        Where the layer is open.
    order : Order
        The layer, and its axes, noise and device.
    settings : Adaptation
        Steps, patches, learning rate.
    minutes : float
        Longest time to take; 0: no limit.
    path : Path
        The file to write; another one beside it where it exists.
    """

    def __init__(self, viewer: Viewer, order: Order, settings: Adaptation, minutes: float, path: Path) -> None:
        super().__init__(viewer, order)
        self.settings = settings
        self.minutes = minutes
        self.path = path
        self.written: Path | None = None
        """The file that was written; None before, and if nothing was better."""
        self._best: Adapted | None = None

    def _steps(self) -> Generator[Progress, None, Any]:
        return (yield from paced(self._learn()))

    def _learn(self) -> Generator[Progress, None, Adapted | None]:
        worker, order = self._worker, self.order
        started = time.monotonic()
        for state in adapt_to(image_array(order.source), order.recipe, self.settings):
            self._best = state
            self.trace.append({"step": state.step, "loss": state.loss, "held_out": state.held_out})
            left = self._seconds_left(state, time.monotonic() - started)
            if worker.abort_requested:
                return None
            if left <= 0:
                break
            yield Progress(state.step / state.total, f"step {state.step} of {state.total}", left)
        return self._best

    def _seconds_left(self, state: Adapted, seconds: float) -> float:
        left = seconds * (state.total / state.step - 1)
        return min(left, 60 * self.minutes - seconds) if self.minutes else left

    def _complete(self, result: Any) -> str:
        return self._store(f"After {result.step} steps")

    def _stop(self) -> str:
        if self._best is None:
            return f"{self._reason}; nothing was learnt yet."
        return self._store(f"{self._reason} after {self._best.step} of {self._best.total} steps")

    def _store(self, when: str) -> str:
        state = self._best
        if state is None or not state.gain:
            return f"{when}: no network was better beyond doubt, so none was written. U-Net suits this layer as it is."
        path = unused(self.path)
        try:
            save_adapted(state, path, self.settings)
        except OSError as error:
            show_error(sentence(error))
            return sentence(error)
        self.written = path
        return f"{when}: {state.gain:.2f} dB better, estimated on pixels held out. Written to {path}."
