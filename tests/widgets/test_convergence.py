import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.parts.convergence import Convergence, verdict


def test_the_objective_is_drawn_over_its_first_value_where_there_is_one(qtbot: QtBot) -> None:
    convergence = Convergence()
    qtbot.addWidget(convergence)
    steps = [{"iteration": k, "residual": 0.3 / k, "noise_level": 0.1, "change": 1 / k} for k in (1, 2, 3)]
    convergence.show_trace(steps)
    assert [curve.label for curve in convergence.plot.curves] == ["", "residual ÷ noise level", "change"]
    convergence.show_trace([step | {"objective": 8.0 / step["iteration"]} for step in steps])
    objective = convergence.plot.curves[-1]
    assert objective.label == "objective ÷ first"
    np.testing.assert_allclose(objective.y, [1, 1 / 2, 1 / 3])


@pytest.mark.parametrize(
    ("residuals", "changes", "word"),
    [
        ((3, 1.2, 1.0), (1, 0.1, 0.002), "Converged"),
        ((3, 1.5, 1.2), (1, 0.4, 0.2), "Still moving"),
        ((3, 1.0, 9.0), (1, 1, 2), "Diverged"),
    ],
)
def test_the_verdict_is_said_in_plain_words(residuals: tuple[float, ...], changes: tuple[float, ...], word: str) -> None:
    steps = [{"residual": r, "change": c, "noise_level": 1.0} for r, c in zip(residuals, changes, strict=True)]
    assert verdict(steps).startswith(word)
    assert verdict(steps[:1]) == ""
