import numpy as np
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.parts.convergence import Convergence


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
