from itertools import pairwise

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QRectF
from qtpy.QtGui import QColor

from napari_tweedie.widgets.forms.plot import Curve, Plot, _ticks


def columns(plot: Plot) -> dict[int, float]:
    """Return the mean row of the reddish pixels below the legend, by column."""
    picture, found = plot.grab().toImage(), {}
    for x in range(picture.width()):
        colours = [QColor(picture.pixel(x, y)) for y in range(25, picture.height())]
        rows = [y for y, colour in enumerate(colours, start=25) if colour.red() - colour.green() > 60]
        if rows:
            found[x] = float(np.mean(rows))
    return found


@pytest.fixture
def plot(qtbot: QtBot) -> Plot:
    plot = Plot("x (µm)", "value")
    qtbot.addWidget(plot)
    plot.resize(300, 170)
    return plot


def test_a_rising_curve_rises_over_the_whole_width(plot: Plot) -> None:
    plot.show_curves([Curve("a", np.arange(50.0), np.arange(50.0), "#ff0000")])
    seen = columns(plot)
    xs = np.array(sorted(seen))
    assert xs[-1] - xs[0] > 220
    assert np.corrcoef(xs, [seen[x] for x in xs])[0, 1] < -0.999


def test_a_logarithmic_axis_makes_an_exponential_straight(plot: Plot) -> None:
    plot.logarithmic = True
    y = 10 ** np.linspace(-3, 2, 50)
    y[20] = 0.0
    plot.show_curves([Curve("a", np.arange(50.0), y, "#ff0000")])
    seen = columns(plot)
    xs = np.array(sorted(seen))
    assert np.corrcoef(xs, [seen[x] for x in xs])[0, 1] < -0.999


def test_what_is_not_finite_leaves_a_gap(plot: Plot) -> None:
    y = np.ones(60)
    y[20:40] = np.nan
    plot.show_curves([Curve("", np.arange(60.0), y, "#ff0000")])
    xs = sorted(columns(plot))
    gap = np.diff(xs).max()
    assert gap == pytest.approx((xs[-1] - xs[0]) * 21 / 59, abs=6)


def test_no_curve_and_curves_without_a_value_are_drawn_as_nothing(plot: Plot) -> None:
    empty = plot.grab().toImage()
    plot.show_curves([Curve("a", np.arange(3.0), np.full(3, np.nan))])
    assert plot.grab().toImage() == empty


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 997), (0.0012, 0.0019), (99.5, 100.5)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = _ticks(low, high)
    assert 2 <= len(ticks) <= 5
    assert low <= ticks[0] < ticks[-1] <= high
    step = ticks[1] - ticks[0]
    assert f"{step:.3e}"[0] in "125"
    np.testing.assert_allclose(np.array(ticks) / step, np.rint(np.array(ticks) / step), atol=1e-6)


@pytest.mark.parametrize("width", [90, 130, 300])
def test_labels_of_ticks_do_not_run_into_each_other(plot: Plot, width: int) -> None:
    frame = QRectF(30, 10, width, 80)
    for x_range in ((100, 182), (0, 1), (1234, 99_000), (-1e-5, 1e-5), (0.49, 0.51)):
        ticks = plot._x_ticks(frame, x_range)
        assert ticks
        assert all(a[1] + a[2] < b[1] for a, b in pairwise(ticks))
        assert ticks[-1][1] + ticks[-1][2] <= frame.right()
