"""Do results of every layout lie where their pixels come from, and are inputs of every kind left as they are?"""

from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray
import zarr

from napari_tweedie.engine import last, run
from napari_tweedie.files.run_to_file import write_result
from napari_tweedie.images.axes import Layout
from napari_tweedie.images.files import Picture, read, write
from napari_tweedie.recipe import Recipe

SIZES = {"q": 2, "t": 3, "c": 2, "z": 5, "y": 12, "x": 10, "s": 3}
SPACING = {"q": 1.0, "t": 0.5, "c": 1.0, "z": 2.5, "y": 0.3, "x": 0.2, "s": 1.0}
PLACE = {"q": 0.0, "t": 7.0, "c": 0.0, "z": -3.0, "y": 100.0, "x": 0.05, "s": 0.0}
ONE = {"denoiser": {"name": "gaussian"}, "noise": {"sigma": 0.1}}
FINER = {
    "job": "restore",
    "degradation": {"name": "downsample", "factor": 2},
    "solver": {"name": "tikhonov", "weight": 1e-3},
    "noise": {"sigma": 0.1},
}

LAYOUTS = [
    ("yx", {}), ("xy", {}), ("yx", {"y": 1}), ("yxs", {}), ("syx", {}), ("zyx", {}), ("tyx", {}), ("cyx", {}), ("qyx", {}),
    ("yxc", {}), ("yxz", {}), ("zyx", {"z": 1}), ("zyxs", {}), ("tyxs", {}), ("tzyx", {}), ("czyx", {}), ("zcyx", {}),
    ("tcyx", {}), ("ctyx", {}), ("tcyx", {"c": 1}), ("tczyx", {}), ("ztcyx", {}), ("tczyx", {"t": 1, "z": 1}), ("qtzyx", {}),
]  # fmt: skip


def picture(axes: str, lengths: dict[str, int]) -> Picture:
    """An image whose grey levels are world coordinates: 10 (y + x) + 100 times the sum of the others."""
    shape = [{**SIZES, **lengths}[axis] for axis in axes]
    weights = {"y": 10.0, "x": 10.0}
    world = [PLACE[axis] + SPACING[axis] * np.arange(length) for axis, length in zip(axes, shape, strict=True)]
    grids = np.meshgrid(*[weights.get(axis, 100.0) * place for axis, place in zip(axes, world, strict=True)], indexing="ij")
    spacing, origin = (tuple(values[axis] for axis in axes) for values in (SPACING, PLACE))
    return Picture(sum(grids).astype(np.float32), axes, spacing, "micrometer", origin=origin)


def test_there_are_24_layouts() -> None:
    assert len({(axes, *lengths.items()) for axes, lengths in LAYOUTS}) == 24


@pytest.mark.parametrize("fields", [ONE, FINER], ids=["same size", "finer"])
@pytest.mark.parametrize(("axes", "lengths"), LAYOUTS)
def test_world_coordinates_coincide(axes: str, lengths: dict[str, int], fields: dict[str, object], tmp_path: Path) -> None:
    source = picture(axes, lengths)
    result = last(run(Recipe(axes=axes, **fields), source.data))
    others = [axis for axis in axes if axis not in "tzyx"]
    target = tmp_path / ("out.zarr" if len(others) < 2 else "out.tif")
    write_result(result, source, target)
    written = read(target)
    assert sorted(written.axes) == sorted(axes)
    for axis in axes:
        n, m = axes.index(axis), written.axes.index(axis)
        edge, size = source.origin[n] - source.spacing[n] / 2, source.spacing[n] * source.data.shape[n]
        if target.suffix == ".zarr":
            assert written.origin[m] - written.spacing[m] / 2 == pytest.approx(edge, abs=1e-9)
        assert written.spacing[m] * written.data.shape[m] == pytest.approx(size, rel=1e-9)


@pytest.mark.parametrize(("axes", "lengths"), [layout for layout in LAYOUTS if "s" not in layout[0]])
def test_grey_levels_stay_at_their_place(axes: str, lengths: dict[str, int]) -> None:
    """The mean over the pixels of the result within a pixel of the input is what the input holds there."""
    source = picture(axes, lengths)
    (fine,) = last(run(Recipe(axes=axes, **FINER), source.data)).images.values()
    cells = [size for length, factor in zip(source.data.shape, np.array(fine.shape) // source.data.shape, strict=True)
             for size in (length, factor)]  # fmt: skip
    back = fine.reshape(cells).mean(tuple(range(1, len(cells), 2)))
    np.testing.assert_allclose(back, source.data, atol=0.5)


@pytest.mark.parametrize("axes", ["czyx", "tcyx"])
def test_every_channel_has_its_own_noise_level(axes: str, rng: np.random.Generator) -> None:
    shape = [{"t": 2, "c": 3, "z": 2}.get(axis, 64) for axis in axes]
    levels = np.array([1.0, 5.0, 20.0])
    image = rng.normal(0, 1, shape) * levels.reshape([3 if axis == "c" else 1 for axis in axes]) + 100
    found = last(run(Recipe(axes=axes, denoiser={"name": "gaussian"}), image)).provenance["noise_levels"]
    np.testing.assert_allclose(found, levels, rtol=0.1)


def _memmap(array: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "a.npy", array)
    return np.load(folder / "a.npy", mmap_mode="r")


def _read_only(array: np.ndarray, folder: Path) -> np.ndarray:
    array.setflags(write=False)
    return array


def _zarr(array: np.ndarray, folder: Path) -> object:
    write(folder / "a.zarr", array, "zyx")
    return zarr.open_array(folder / "a.zarr" / "0", mode="r")


KINDS: dict[str, Callable[[np.ndarray, Path], object]] = {
    "dask": lambda array, folder: da.from_array(array, chunks=(1, 8, 8)),
    "xarray": lambda array, folder: xarray.DataArray(array, dims=("z", "y", "x")),
    "zarr": _zarr,
    "memmap": _memmap,
    "read-only": _read_only,
}


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_every_kind_give_the_same_and_stay_as_they_are(kind: str, rng: np.random.Generator, tmp_path: Path) -> None:
    array = rng.random((3, 12, 10)).astype(np.float32)
    before = array.copy()
    recipe = Recipe(axes="zyx", **ONE)
    (expected,) = last(run(recipe, before)).images.values()
    given = KINDS[kind](array.copy(), tmp_path)
    (result,) = last(run(recipe, given)).images.values()
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(np.asarray(given), before)


def test_a_volume_in_any_order_of_axes_is_the_same(rng: np.random.Generator) -> None:
    array = rng.random((6, 12, 10)).astype(np.float32)
    (expected,) = last(run(Recipe(axes="zyx", volume=True, **ONE), array)).images.values()
    (turned,) = last(run(Recipe(axes="yxz", volume=True, **ONE), array.transpose(1, 2, 0))).images.values()
    np.testing.assert_allclose(turned, expected.transpose(1, 2, 0), atol=1e-5)
    assert Layout("yxz", (12, 10, 6), True).block_shape == (6, 12, 10)
