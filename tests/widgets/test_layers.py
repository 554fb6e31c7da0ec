import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes

from napari_tweedie.images.sources import FILE, as_picture
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.layers.crop import Crop, visible_crop
from napari_tweedie.widgets.layers.input import METADATA, grey_unit, image_array, image_axes, is_result, nanometres, recipe_of
from napari_tweedie.widgets.layers.marks import marked_pixels, resampling
from napari_tweedie.widgets.layers.result import result_layer
from napari_tweedie.widgets.parts.after_run import is_like_its_input


@pytest.fixture
def tilted(rng: np.random.Generator) -> Image:
    """A stack with every kind of transform."""
    affine = np.array([[1, 0, 0, 5], [0, 0.9, 0.2, -3], [0, -0.1, 1.1, 2], [0, 0, 0, 1]])
    return Image(
        rng.normal(size=(4, 6, 8)), name="stack", scale=(2, 0.5, 0.25), translate=(1, 2, 3), rotate=(0, 0, 30),
        shear=(0, 0.1, 0.2), affine=affine, units=("um", "um", "um"), axis_labels=("z", "y", "x"),
        colormap="magma", gamma=0.7, contrast_limits=(-1, 2),
    )  # fmt: skip


def test_a_crop_keeps_its_place(tilted: Image) -> None:
    result = result_layer(tilted, np.zeros((1, 3, 4)), "preview", (2, 1, 3), (1, 1, 1))
    for pixel in [(0, 0, 0), (0, 2, 3)]:
        np.testing.assert_allclose(result.data_to_world(pixel), tilted.data_to_world(np.add(pixel, (2, 1, 3))))


def test_finer_pixels_share_their_centre_with_the_pixel_they_replace(tilted: Image) -> None:
    result = result_layer(tilted, np.zeros((4, 12, 24)), "wiener", (0, 0, 0), (1, 2, 3))
    replacing = [(1, y, x) for y in (8, 9) for x in (15, 16, 17)]
    centre = np.mean([result.data_to_world(pixel) for pixel in replacing], axis=0)
    np.testing.assert_allclose(centre, tilted.data_to_world((1, 4, 5)))


def test_a_result_looks_like_its_input(tilted: Image) -> None:
    result = result_layer(tilted, np.zeros((4, 6, 8)), "denoised", (0, 0, 0), (1, 1, 1))
    assert result.name == "stack · denoised"
    assert (result.units, result.axis_labels) == (tilted.units, tilted.axis_labels)
    assert (result.colormap.name, result.gamma, result.contrast_limits) == ("magma", 0.7, [-1, 2])
    np.testing.assert_allclose(result.data_to_world((3, 2, 1)), tilted.data_to_world((3, 2, 1)))


def test_a_short_last_axis_is_not_taken_for_colour(rng: np.random.Generator) -> None:
    source = Image(rng.normal(size=(64, 64, 3)), rgb=False)
    assert not result_layer(source, np.zeros((64, 64, 3)), "denoised", (0, 0, 0), (1, 1, 1)).rgb


def test_the_finest_level_of_a_pyramid_is_used(rng: np.random.Generator) -> None:
    levels = [rng.normal(size=(64, 64)), rng.normal(size=(32, 32))]
    assert image_array(Image(levels, multiscale=True)) is levels[0]


def test_axes_are_guessed_from_labels_and_colour() -> None:
    assert image_axes(Image(np.zeros((2, 3, 4, 5)), axis_labels=("c", "z", "y", "x"))) == "czyx"
    assert image_axes(Image(np.zeros((4, 5, 3), np.uint8), rgb=True)) == "yxs"
    assert image_axes(Image(np.zeros((3, 4, 5)))) == "zyx"


def test_without_a_visible_field_the_middle_is_taken() -> None:
    layer = Image(np.zeros((2, 3, 1000, 600)))
    crop = visible_crop(layer, (1, 2, 0, 0), "tzyx", volume=False, flat=False)
    assert crop == Crop((1, 2, 244, 44), (2, 3, 756, 556))
    crop = visible_crop(layer, (1, 2, 0, 0), "tzyx", volume=True, flat=False)
    assert crop == Crop((1, 0, 468, 268), (2, 3, 532, 332))


def test_the_visible_field_of_a_pyramid_is_counted_in_its_finest_pixels() -> None:
    layer = Image([np.zeros((256, 256)), np.zeros((128, 128))], multiscale=True)
    layer._data_level = 1
    layer.corner_pixels = np.array([[10, 20], [29, 49]])
    assert visible_crop(layer, (0, 0), "yx", volume=False) == Crop((20, 40), (60, 100))


def test_labels_of_fewer_axes_mark_every_slice() -> None:
    image = Image(np.zeros((3, 4, 5)))
    plane = np.zeros((4, 5), np.uint8)
    plane[1, 2] = 7
    assert marked_pixels(Labels(plane), image, "tyx", volume=False).shape == (4, 5)
    volume = marked_pixels(Labels(plane), image, "zyx", volume=True)
    assert volume.shape == (3, 4, 5)
    assert volume[:, 1, 2].all()
    assert volume.sum() == 3


@pytest.mark.parametrize("shape", [(4, 6), (3, 4), (7, 2)])
def test_labels_of_another_shape_mark_where_both_lie_and_it_is_told(shape: tuple[int, int]) -> None:
    labels, image = Labels(np.ones(shape, int), name="mask"), Image(np.zeros((4, 5)))
    marked = marked_pixels(labels, image, "yx", volume=False)
    expected = np.zeros((4, 5), bool)
    expected[: shape[0], : shape[1]] = True
    np.testing.assert_array_equal(marked, expected)
    assert f"The layer 'mask' has shape {shape}, the image (4, 5)" in resampling(labels, image)


def test_labels_on_the_pixels_of_the_image_are_not_told() -> None:
    image = Image(np.zeros((3, 4, 5)), scale=(2, 0.1, 0.1))
    assert resampling(Labels(np.ones((4, 5), int), scale=(0.1, 0.1)), image) == ""
    assert "was resampled" in resampling(Labels(np.ones((4, 5), int)), image)


def test_labels_of_more_axes_mark_what_any_slice_does() -> None:
    several = np.zeros((2, 4, 5), int)
    several[0, 1, 2] = several[1, 3, 0] = 1
    image = Image(np.zeros((4, 5)))
    labels = Labels(several, name="mask")
    assert np.argwhere(marked_pixels(labels, image, "yx", volume=False)).tolist() == [[1, 2], [3, 0]]
    assert "what any of them marks counts" in resampling(labels, image)
    assert resampling(Labels(several[:1]), image) == ""
    assert marked_pixels(Labels(several[:1]), image, "yx", volume=False).sum() == 1


def test_a_fine_label_marks_the_coarse_pixel_it_lies_in() -> None:
    fine = np.zeros((40, 50), int)
    fine[12, 33] = 1  # at 3.0 to 3.25 and 8.25 to 8.5 of the image's pixels, counted from their edges
    labels = Labels(fine, scale=(0.25, 0.25), translate=(-0.375, -0.375))
    marked = marked_pixels(labels, Image(np.zeros((10, 12))), "yx", volume=False)
    assert [3, 8] in np.argwhere(marked).tolist()
    assert marked.sum() <= 2


@pytest.mark.parametrize("angle", [90, 30])
def test_turned_labels_mark_what_they_cover(angle: float) -> None:
    square = np.zeros((21, 21), int)
    square[8:13, 4:9] = 1  # its centre lies 4 left of the middle
    turn = np.deg2rad(angle)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([10.0, 10.0])
    labels = Labels(square, rotate=spin, translate=middle - spin @ middle)
    marked = marked_pixels(labels, Image(np.zeros((21, 21))), "yx", volume=False)
    np.testing.assert_allclose(np.argwhere(marked).mean(0), middle + spin @ [0, -4], atol=0.5)
    assert abs(int(marked.sum()) - 25) <= 12


@pytest.mark.parametrize("flip", [1, -1])
def test_labels_mark_what_they_cover_in_the_world(flip: int) -> None:
    image = Image(np.zeros((3, 20, 30)), scale=(2, 0.5, flip * 0.5), translate=(0, 10, 20))
    coarse = np.zeros((10, 12), int)
    coarse[2:4, 3:5] = 1
    labels = Labels(coarse, scale=(1, flip * 1), translate=(10.25, 20 + flip * 0.25))
    marked = marked_pixels(labels, image, "tyx", volume=False)
    rows, columns = np.nonzero(marked)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 7, 6, 9)
    assert marked.sum() == 16
    assert marked_pixels(labels, image, "zyx", volume=True).sum() == 48


def test_a_cut_out_of_labels_lies_where_it_was_cut() -> None:
    image = Image(np.zeros((20, 30)))
    part = np.zeros((5, 6), int)
    part[1, 2] = 3
    marked = marked_pixels(Labels(part, translate=(4, 7)), image, "yx", volume=False)
    assert np.argwhere(marked).tolist() == [[5, 9]]


def test_labels_beside_the_image_are_refused() -> None:
    with pytest.raises(ValueError, match="marks no pixel of the image: it lies beside it"):
        marked_pixels(Labels(np.ones((4, 5), int), translate=(50, 0)), Image(np.zeros((4, 5))), "yx", volume=False)


def test_labels_on_colour_mark_all_samples() -> None:
    image = Image(np.zeros((2, 4, 5, 3), np.uint8), rgb=True)
    labels = np.zeros((2, 4, 5), np.uint8)
    labels[0, 1, 2] = 1
    marked = marked_pixels(Labels(labels), image, "tyxs", volume=False)
    assert marked.shape == (2, 4, 5, 3)
    assert marked.sum() == 3


def test_shapes_are_rasterised_where_they_lie_in_the_world() -> None:
    image = Image(np.zeros((20, 30)), scale=(0.5, 0.5), translate=(10, 20))
    square = np.array([[2, 4], [2, 8], [6, 8], [6, 4]])
    shapes = Shapes([square / 4], shape_type="rectangle", scale=(2, 2), translate=(10, 20))
    marked = marked_pixels(shapes, image, "yx", volume=False)
    rows, columns = np.nonzero(marked)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 6, 4, 8)


def test_shapes_with_a_slice_mark_only_that_slice() -> None:
    image = Image(np.zeros((5, 20, 30)))
    square = np.array([[3, 2, 4], [3, 2, 8], [3, 6, 8], [3, 6, 4]])
    marked = marked_pixels(Shapes([square], shape_type="polygon"), image, "zyx", volume=False)
    assert marked.any((1, 2)).tolist() == [False, False, False, True, False]


def test_a_mask_is_cut_like_the_image() -> None:
    crop = Crop((1, 2, 3, 0), (2, 4, 7, 3))
    assert crop.of_mask(np.zeros((5, 6), bool)[:, :], "tyxs").shape == (2, 3)
    assert crop.of_mask(np.zeros((4, 6, 8, 3), bool), "tyxs").shape == (1, 2, 4, 3)


def test_pixel_sizes_are_known_where_a_layer_has_units_of_length() -> None:
    assert nanometres(Image(np.zeros((8, 8)), scale=(0.1, 0.2), units=("um", "um"))) == pytest.approx((100, 200))
    assert nanometres(Image(np.zeros((8, 8)), scale=(5, 5))) == ()
    turned = np.array([[0, -0.2, 7], [0.1, 0, 0], [0, 0, 1]])
    assert nanometres(Image(np.zeros((8, 8)), affine=turned, units=("um", "um"))) == pytest.approx((100, 200))
    assert nanometres(Image(np.zeros((8, 8)), scale=(2, 2), affine=turned, units=("um", "um"))) == pytest.approx((200, 400))
    assert nanometres(Image(np.zeros((8, 8)), scale=(-0.1, 0.2), units=("um", "um"))) == pytest.approx((100, 200))
    assert nanometres(Image(np.zeros((2, 8, 8)), scale=(5, 0.1, 0.2), units=("s", "um", "um"))) == ()


@pytest.mark.parametrize("made", ["x", 5, [1], {"recipe": 5}, {"recipe": ["denoise"]}, {"recipe": None}])
def test_provenance_of_another_form_is_none(made: object) -> None:
    layer = Image(np.zeros((8, 8), np.uint8), metadata={METADATA: made, FILE: made})
    assert as_picture(layer).axes == "yx"
    assert recipe_of(layer) == {}
    assert grey_unit(layer) == "counts"
    assert is_result(layer) == isinstance(made, dict)


@pytest.mark.parametrize(("degradation", "alike"), [("gaussian-blur", True), ("radon", False), ("fourier-mask", False)])
def test_a_slice_of_projections_is_not_compared_in_their_grey_levels(degradation: str, alike: bool) -> None:
    recipe = Recipe(job="restore", degradation=degradation, axes="yx").model_dump(mode="json")
    assert is_like_its_input(Image(np.zeros((4, 4)), metadata={"napari_tweedie": {"recipe": recipe}})) is alike
