import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_tweedie.widgets.compare.overlap import lazily, plane, plane_crops, shared
from napari_tweedie.widgets.layers.crop import Crop


def test_a_crop_shares_its_pixels_with_the_whole() -> None:
    whole = Image(np.zeros((5, 20, 30)), scale=(3, 0.5, 0.5), translate=(1, 2, 3), rotate=(0, 0, 20))
    start = np.array((2, 4, 6))
    crop = Image(
        np.zeros((2, 10, 50)), scale=whole.scale, rotate=whole.rotate, translate=whole.affine.inverse(whole.data_to_world(start))
    )
    first, second = shared(whole, crop)
    assert first == Crop((2, 4, 6), (4, 14, 30))
    assert second == Crop((0, 0, 0), (2, 10, 24))
    for pixel in np.ndindex(2, 2, 2):
        np.testing.assert_allclose(
            whole.data_to_world(np.add(first.start, pixel)), crop.data_to_world(np.add(second.start, pixel)), atol=1e-9
        )
    assert shared(crop, whole) == (second, first)


def test_a_plane_lies_on_all_slices_of_a_stack() -> None:
    assert shared(Image(np.zeros((4, 8, 9))), Image(np.zeros((8, 9)))) == (Crop((0, 0, 0), (4, 8, 9)), Crop((0, 0), (8, 9)))


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"scale": (2, 2)}, "'b' do not lie on those of 'a'"),
        ({"translate": (0.5, 0)}, "'b' do not lie on those of 'a'"),
        ({"rotate": 1}, "'b' do not lie on those of 'a'"),
        ({"translate": (0, 40)}, "'b' lies beside 'a'"),
    ],
)
def test_other_pixels_are_refused(transform: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shared(Image(np.zeros((30, 30)), name="a"), Image(np.zeros((30, 30)), name="b", **transform))


def test_the_plane_that_is_looked_at_is_read_alone(rng: np.random.Generator) -> None:
    read = []

    def note(block: np.ndarray) -> np.ndarray:
        read.append(block.shape)
        return block

    data = rng.normal(size=(6, 8, 9)).astype(np.float32)
    stack = da.from_array(data, chunks=(1, 8, 9)).map_blocks(note, dtype=data.dtype, meta=data)
    viewer = ViewerModel()
    lazy = viewer.add_image(stack, contrast_limits=(-1, 1))
    whole = viewer.add_image(data[2:, 1:], translate=(2, 1, 0))
    viewer.dims.set_point(0, 3)
    read.clear()
    first, second = (plane(*pair) for pair in zip((lazy, whole), plane_crops(viewer, lazy, whole), strict=True))
    np.testing.assert_array_equal(first, data[3, 1:])
    np.testing.assert_array_equal(second, data[3, 1:])
    assert read == [(1, 8, 9)]
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 4)
    first, second = (plane(*pair) for pair in zip((lazy, whole), plane_crops(viewer, lazy, whole), strict=True))
    np.testing.assert_array_equal(first, data[2:, 4])
    np.testing.assert_array_equal(second, data[2:, 4])
    viewer.dims.order = (0, 1, 2)
    viewer.dims.set_point(0, 0)
    with pytest.raises(ValueError, match="share no pixels here"):
        plane_crops(viewer, lazy, whole)


def test_colour_counts_as_its_mean(rng: np.random.Generator) -> None:
    data = rng.integers(0, 255, (8, 9, 4)).astype(np.uint8)
    read = lazily(Image(data, rgb=True), Crop((1, 2), (5, 9)))
    np.testing.assert_allclose(np.asarray(read), data[1:5, 2:9, :3].mean(-1), rtol=1e-6)
