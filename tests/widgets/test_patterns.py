import numpy as np
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.parts.patterns import LEAST, Patterns, where


def blob(y: float, x: float, width: float) -> np.ndarray:
    rows, columns = np.indices((128, 96))
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2)).astype(np.float32)


def test_a_pattern_is_cut_to_where_it_lives() -> None:
    rows, columns = where(blob(90, 40, 4))
    assert rows.start < 90 < rows.stop
    assert columns.start < 40 < columns.stop
    assert LEAST <= rows.stop - rows.start < 40
    rows, columns = where(blob(126, 2, 1))
    assert (rows.stop, columns.start) == (128, 0)
    assert rows.stop - rows.start == LEAST
    rows, columns = where(np.ones((128, 96), np.float32))
    assert rows.stop - rows.start > 100
    assert columns.stop - columns.start > 80


def test_every_pattern_has_a_range_of_its_own_and_those_to_come_no_picture(qtbot: QtBot) -> None:
    patterns = Patterns()
    qtbot.addWidget(patterns)
    basis = np.stack([blob(30, 30, 5), 1e-3 * blob(90, 60, 5), np.zeros((128, 96), np.float32)])[:, None]
    patterns.show_patterns(basis)
    assert len(patterns.pictures) == 2
    first, second = (label.pixmap().toImage() for label in patterns.pictures)
    assert first == second
    patterns.show_patterns(basis, [0.97, 0.5, 0.1])
    assert [label.text() for label in patterns.shares] == ["× 0.97", "× 0.50"]
    patterns.show_patterns(np.zeros_like(basis))
    assert not patterns.pictures
