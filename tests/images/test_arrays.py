"""Is what comes as an image an array of numbers, whatever library made it, and what is none named?"""

from types import SimpleNamespace

import dask.array as da
import numpy as np
import pandas
import pytest
import torch
import xarray
import zarr
from scipy import sparse

from napari_tweedie.images.arrays import as_array, check_representable, fetched
from napari_tweedie.images.sources import as_picture

VALUES = np.arange(12.0, dtype=np.float32).reshape(3, 4)
READ_ONLY = VALUES.copy()
READ_ONLY.flags.writeable = False
STORED = zarr.array(VALUES)


class Wrapped:
    """What other libraries make: an array only when it is asked to be one."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return VALUES


class Indexed(Wrapped):
    """The same with a shape, a type, and parts of its own kind."""

    shape, dtype, ndim = VALUES.shape, VALUES.dtype, VALUES.ndim

    def __getitem__(self, place: object) -> object:
        return SimpleNamespace(__array__=lambda *_, **__: VALUES[place], compute=lambda: VALUES[place])


@pytest.mark.parametrize(
    "values",
    [
        VALUES.astype(">f4"), VALUES.astype("f2"), VALUES.astype("f8"), VALUES.astype("u1"), VALUES.astype(">i8"), READ_ONLY,
        np.asfortranarray(VALUES), np.repeat(VALUES, 2, 1)[:, ::2], VALUES[::-1, ::-1][::-1, ::-1], np.matrix(VALUES),
        VALUES.tolist(), tuple(map(tuple, VALUES.tolist())), list(VALUES), memoryview(VALUES),
        torch.tensor(VALUES), torch.tensor(VALUES, requires_grad=True), torch.tensor(VALUES).bfloat16(),
        torch.tensor(VALUES).half(), torch.tensor(VALUES).to_sparse(), torch.tensor(VALUES.T.copy()).T,
        torch.tensor(VALUES).int(), torch.tensor(VALUES).bfloat16().requires_grad_(),
        Wrapped(), Indexed(), pandas.DataFrame(VALUES), np.ma.masked_less(VALUES, -1), VALUES.astype(np.longdouble),
        da.from_array(VALUES, chunks=2), STORED, xarray.DataArray(VALUES, dims=("y", "x")),
        xarray.DataArray(da.from_array(VALUES)), sparse.csr_matrix(VALUES), sparse.coo_array(VALUES),
    ],
)  # fmt: skip
def test_an_array_of_any_kind_has_its_values(values: object) -> None:
    array = as_array(values)
    assert tuple(array.shape) == (3, 4)
    np.testing.assert_array_equal(fetched(array, (slice(1, None), 2)), VALUES[1:, 2])


@pytest.mark.parametrize(
    "values",
    [
        torch.tensor(VALUES).bfloat16().requires_grad_(), torch.tensor(VALUES).to_sparse(), pandas.DataFrame(VALUES), Wrapped(),
        VALUES.tolist(), np.matrix(VALUES), sparse.csr_matrix(VALUES),
    ],
)  # fmt: skip
def test_a_source_may_be_an_array_of_any_kind(values: object) -> None:
    picture = as_picture(values)
    assert picture.axes == "yx"
    np.testing.assert_array_equal(picture.data, VALUES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3]], "the image is no array: its rows have different lengths"),
        (xarray.Dataset({"a": ("x", [1, 2])}), "the image is no array"),
        (torch.empty(3, 4, device="meta"), "on the device meta, which has no values"),
        (np.ndarray, "the type ndarray, not an array"),
        ((n for n in range(3)), "the image is of type object, not numbers"),
        (None, "not numbers"),
        (np.array(3.0), "at least two axes"),
    ],
)
def test_a_source_that_is_no_image_is_named(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_picture(values)


@pytest.mark.filterwarnings("ignore:Sparse CS")
@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_csc])
def test_a_sparse_tensor_may_have_any_layout(layout: torch.layout) -> None:
    np.testing.assert_array_equal(as_array(torch.tensor(VALUES).to_sparse(layout=layout)), VALUES)


def test_lazy_arrays_stay_lazy() -> None:
    lazy = da.from_array(VALUES)
    assert as_array(xarray.DataArray(lazy)) is lazy
    assert as_array(STORED) is STORED
    assert as_array(VALUES) is VALUES


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3]], "rows have different lengths"),
        ([VALUES, VALUES[:2, :2]], "rows have different lengths"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.array([[1, None]], dtype=object), "type object, not numbers"),
        (np.zeros((2, 2), "M8[s]"), "not numbers"),
        (np.zeros((2, 2), [("a", int)]), r"a structured type \(a\), not numbers"),
        (np.rec.array([(1, 2.0)] * 3), r"a structured type \(f0, f1\), not numbers"),
        (torch.nested.nested_tensor([torch.ones(2, 2), torch.ones(3, 2)], layout=torch.jagged), "nested tensor"),
        ("image.tif", "not numbers"),
        (None, "not numbers"),
        (VALUES + 1j, "complex numbers"),
        (torch.ones((2, 2), dtype=torch.complex64), "complex numbers"),
        (da.from_array(VALUES)[da.from_array(VALUES)[:, 0] > 1], "unknown shape"),
        (xarray.Dataset({"a": ("x", [1, 2])}), "no array"),
    ],
)
def test_what_is_no_image_is_named(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_array(values)


def test_complex_numbers_pass_where_they_mean_something() -> None:
    assert as_array(torch.ones((2, 2), dtype=torch.complex64).conj(), complex_numbers=True).dtype == np.complex64


def test_a_lazy_array_that_fails_is_an_image_that_cannot_be_read() -> None:
    def fail(block: np.ndarray) -> np.ndarray:
        raise KeyError("no such chunk")

    with pytest.raises(OSError, match="cannot be read: 'no such chunk'"):
        fetched(da.from_array(VALUES).map_blocks(fail, dtype=float, meta=VALUES))


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (0, 1e38, "up to 1e.38"),
        (1e9, 1e9 + 1e-5, "subtract their mean"),
        (0, 1e-40, "multiply them"),
        (-1e300, 0, "up to 1e.300"),
    ],
)
def test_grey_levels_that_no_result_can_hold_are_refused(low: float, high: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_representable(low, high)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1e9, 1e9), (0, 2**32), (1e4, 1e4 + 0.1), (-1e30, 1e30), (0, 1e-30)])
def test_grey_levels_that_they_can_hold_pass(low: float, high: float) -> None:
    check_representable(low, high)


@pytest.mark.parametrize("wrong", [lambda block: block[:2], lambda block: block * 1j, lambda block: block.astype(str)])
def test_a_lazy_array_that_is_not_what_it_promised_is_an_image_that_cannot_be_read(wrong: object) -> None:
    lazy = da.from_array(VALUES).map_blocks(wrong, dtype=VALUES.dtype, meta=np.empty((0, 0), VALUES.dtype))
    with pytest.raises(OSError, match="not what was promised"):
        fetched(as_array(lazy), (slice(1, None), slice(None)))
