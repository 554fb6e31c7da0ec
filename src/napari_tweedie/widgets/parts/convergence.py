"""Convergence plot of an iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from qtpy.QtWidgets import QLabel, QWidget

from napari_tweedie.widgets.forms.layout import column
from napari_tweedie.widgets.forms.plot import COLOURS, GREY, Curve, Plot

STILL = 0.01
"""Relative change in an iteration below which an estimate has converged."""
WORSE = 2.0
"""How many times the least residual, and the noise, a residual exceeds that has diverged."""


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
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        place = column(self)
        place.addWidget(self.verdict)
        place.addWidget(self.plot)

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
        self.verdict.setText(verdict(steps))


def verdict(steps: Sequence[Mapping[str, float]]) -> str:
    """Say in plain words whether an iteration has converged, is still moving, or has diverged; nothing before its second step."""
    if len(steps) < 2:
        return ""
    residuals, change = [facts["residual"] for facts in steps], steps[-1]["change"]
    if not np.isfinite(residuals[-1]) or residuals[-1] > WORSE * max(min(residuals), steps[-1]["noise_level"]):
        return "Diverged: the estimate moves away from the measurement. Give more noise, or another solver."
    if change < STILL:
        return "Converged: the last iteration changed next to nothing."
    return f"Still moving: the last iteration changed the estimate by {100 * change:.2g} %. More iterations may help."
