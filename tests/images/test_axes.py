import numpy as np
import pytest

from napari_tweedie.images.axes import Layout, check_axes, guess_axes


@pytest.mark.parametrize(
    ("shape", "labels", "rgb", "axes"),
    [
        ((5, 6), (), False, "yx"),
        ((4, 5, 6), ("-3", "-2", "-1"), False, "zyx"),
        ((3, 4, 5, 6), (), False, "tzyx"),
        ((2, 3, 4, 5, 6), (), False, "tczyx"),
        ((7, 2, 3, 4, 5, 6), (), False, "qtczyx"),
        ((3, 4, 5, 6), ("channel", "time", "y", "x"), False, "ctyx"),
        ((3, 4, 5, 6), ("C", "Z", "Y", "X"), False, "czyx"),
        ((3, 4, 5), ("frame", "row", "col"), False, "tyx"),
        ((3, 4, 5), ("angle", "y", "x"), False, "qyx"),
        ((4, 5, 3), ("y", "x"), True, "yxs"),
        ((9, 4, 5, 3), (), True, "zyxs"),
        ((4, 5), ("x", "y"), False, "xy"),
    ],
)
def test_axes_are_read_from_labels_or_guessed(shape: tuple[int, ...], labels: tuple[str, ...], rgb: bool, axes: str) -> None:
    assert guess_axes(shape, labels, rgb) == axes


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        ("yx", (2, 3, 4), "name 2 axes, but the image has 3"),
        ("zzyx", (2, 2, 3, 4), "z appears more than once"),
        ("zy", (3, 4), "lack y or x"),
        ("wyx", (2, 3, 4), "w is not one of"),
        ("yxs", (3, 4, 2), "3 or 4 samples, not 2"),
        ("zyx", (0, 3, 4), "empty"),
    ],
)
def test_wrong_axes_are_named(axes: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_axes(axes, shape)


def test_one_axis_is_no_image() -> None:
    with pytest.raises(ValueError, match="at least two axes"):
        guess_axes((7,))


@pytest.mark.parametrize("volume", [False, True])
@pytest.mark.parametrize("axes", ["zyx", "tczyx", "czyx", "yxz", "qtcxzys"])
def test_writing_what_was_read_copies_the_array(axes: str, volume: bool, rng: np.random.Generator) -> None:
    sizes = {"q": 2, "t": 2, "c": 3, "z": 4, "y": 5, "x": 6, "s": 3}
    array = rng.random([sizes[axis] for axis in axes])
    layout = Layout(axes, array.shape, volume)
    copy = np.zeros_like(array)
    blocks = [layout.read(array, index) for index in layout]
    for index, block in zip(layout, blocks, strict=True):
        assert block.shape == (3 if "s" in axes else 1, *((4, 5, 6) if volume else (5, 6)))
        layout.write(copy, index, block)
    assert len(blocks) == len(layout)
    np.testing.assert_array_equal(copy, array)


def test_channels_are_told_apart() -> None:
    layout = Layout("tczyx", (2, 3, 1, 4, 4))
    assert {layout.channel(index) for index in layout} == {0, 1, 2}
    assert {Layout("zyx", (2, 4, 4)).channel(index) for index in Layout("zyx", (2, 4, 4))} == {0}


def test_a_volume_needs_a_z_axis() -> None:
    with pytest.raises(ValueError, match="no z"):
        Layout("tyx", (2, 4, 4), volume=True)


@pytest.mark.parametrize(
    ("axes", "shape", "volume"), [("tczyx", (2, 3, 4, 5, 6), False), ("zcyxs", (4, 2, 5, 6, 3), True), ("yx", (5, 6), False)]
)
def test_blocks_are_found_by_number_and_by_channel(axes: str, shape: tuple[int, ...], volume: bool) -> None:
    layout = Layout(axes, shape, volume)
    assert [layout.block(number) for number in range(len(layout))] == list(layout)
    first: dict[int, tuple[int, ...]] = {}
    for index in layout:
        first.setdefault(layout.channel(index), index)
    assert layout.first_of_channels() == first
