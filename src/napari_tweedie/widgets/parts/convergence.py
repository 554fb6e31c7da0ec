"""Convergence plot of an iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_tweedie.widgets.forms.layout import column
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot

GREY = "#909090"


class Convergence(QWidget):
    """Per iteration, the data residual over the noise level, which ends near one, and the relative change of the estimate.

    Where the solver minimises a known function, also its value over the first one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plot = Plot("iteration", logarithmic=True)
        self.plot.setToolTip(
            "Residual: root mean square of A x − y over the noise level. Near 1 (dashed) the measurement is explained; "
            "far below, noise is fitted. Change: of the estimate in an iteration, relative to it. Objective: what the solver "
            "minimises, over its first value, where such a function exists."
        )
        column(self).addWidget(self.plot)

    def show_trace(self, trace: Sequence[Mapping[str, float]]) -> None:
        """Show the facts of all iterations so far; of several images, those of the one under way."""
        steps = [facts for facts in list(trace) if "residual" in facts]
        iterations = np.array([facts["iteration"] for facts in steps])
        change = np.array([facts["change"] for facts in steps])  # the first has nothing before it
        curves = [Curve("change", iterations[1:], change[1:], COLOURS[1])]
        if steps and steps[0]["noise_level"] > 0:
            relative = np.array([facts["residual"] / facts["noise_level"] for facts in steps])
            expected = Curve("", iterations, np.ones(len(steps)), GREY, dashed=True)
            curves = [expected, Curve("residual ÷ noise level", iterations, relative, COLOURS[0]), *curves]
        if steps and steps[0].get("objective", 0) > 0:
            objective = np.array([facts.get("objective", np.nan) for facts in steps])
            curves.append(Curve("objective ÷ first", iterations, objective / objective[0], COLOURS[2]))
        self.plot.show_curves(curves)
