"""Are missing pixels told from others, and filled with what lies around them?"""

import dask.array as da
import numpy as np
import pytest

from napari_tweedie.images.missing import filled, plain


@pytest.mark.parametrize(("dtype", "becomes"), [(np.uint8, np.float32), (np.uint16, np.float32), (np.int32, np.float64),
                                                (np.float32, np.float32), (np.float64, np.float64)])  # fmt: skip
def test_masked_pixels_become_nan_and_others_keep_their_value(dtype: type, becomes: type) -> None:
    values = np.array([[1, 2], [3, 2**24 + 1 if np.dtype(dtype).itemsize > 4 or dtype == np.int32 else 4]], dtype)
    result = plain(np.ma.MaskedArray(values, [[False, True], [False, False]]))
    assert result.dtype == becomes
    np.testing.assert_array_equal(result, np.array([[values[0, 0], np.nan], [values[1, 0], values[1, 1]]], becomes))


def test_an_array_without_masked_pixels_stays_as_it_is() -> None:
    values = np.arange(6, dtype=np.uint16).reshape(2, 3)
    for array in (values, np.ma.MaskedArray(values), da.from_array(values), da.from_array(np.ma.MaskedArray(values))):
        assert plain(array).dtype == np.uint16
        np.testing.assert_array_equal(plain(array), values)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (16, 16), (3, 20, 33)])
def test_holes_of_a_constant_are_filled_with_it_and_known_pixels_stay(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    missing = rng.random(shape) < 0.6
    missing.reshape(-1, shape[-2], shape[-1])[:, 0, 0] = False
    image = np.where(missing, np.nan, 7.0)
    np.testing.assert_allclose(filled(image, missing), 7.0)
    noise = np.where(missing, np.nan, rng.normal(size=shape))
    np.testing.assert_array_equal(filled(noise, missing)[~missing], noise[~missing])


def test_a_hole_in_a_ramp_is_filled_between_its_sides() -> None:
    ramp = np.tile(np.arange(32.0), (32, 1))
    missing = np.zeros((32, 32), bool)
    missing[10:20, 12:16] = True
    assert np.abs(filled(np.where(missing, np.nan, ramp), missing) - ramp).max() < 3


def test_a_plane_without_any_pixel_is_filled_with_zeros() -> None:
    image = np.full((2, 4, 4), np.nan)
    image[1] = 5
    np.testing.assert_array_equal(filled(image, np.isnan(image)), np.repeat([0.0, 5.0], 16).reshape(2, 4, 4))
