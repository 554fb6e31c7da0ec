"""Images that lie elsewhere, in a store of fsspec."""

import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.files import check_target, names, read, write
from napari_tweedie.images.remote import address
from napari_tweedie.recipe import Recipe

LOCAL = {"name": "tikhonov", "weight": 0.05}
QUICK = {"job": "restore", "degradation": {"name": "gaussian-blur", "std": 0.5}, "solver": LOCAL, "tile": 64}


@pytest.fixture
def url(tmp_path: Path, rng: np.random.Generator) -> Iterator[str]:
    """Return the address of an OME-Zarr in memory."""
    write(tmp_path / "a.zarr", rng.normal(100, 5, (80, 70)).astype(np.float32), "yx", (0.2, 0.2), "micrometer")
    store = fsspec.filesystem("memory")
    store.put(str(tmp_path / "a.zarr"), "/bucket/a.zarr", recursive=True)
    yield "memory://bucket/a.zarr"
    store.rm("/bucket", recursive=True)


@pytest.mark.parametrize("kind", [str, Path])
def test_an_ome_zarr_elsewhere_is_read_by_its_address(kind: type, url: str, tmp_path: Path) -> None:
    here, there = read(tmp_path / "a.zarr"), read(kind(url))
    assert names(kind(url)) == names(tmp_path / "a.zarr")
    np.testing.assert_array_equal(there.data[...], here.data[...])
    assert (there.spacing, there.unit, there.name) == ((0.2, 0.2), "micrometer", "a")


def test_a_run_reads_elsewhere_region_by_region_and_writes_here(url: str, tmp_path: Path) -> None:
    list(run_to_file(Recipe(**QUICK), Path(url), tmp_path / "there.zarr"))
    list(run_to_file(Recipe(**QUICK), tmp_path / "a.zarr", tmp_path / "here.zarr"))
    np.testing.assert_array_equal(read(tmp_path / "there.zarr").data[...], read(tmp_path / "here.zarr").data[...])


def test_results_are_written_here() -> None:
    with pytest.raises(ValueError, match=r"not to s3://b/a\.zarr: name a file"):
        check_target(Path("s3://b/a.zarr"))


def test_a_protocol_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ValueError, match=r"pip install 'napari-tweedie\[remote\]'"):
        read("s3://bucket/a.zarr")


def test_files_of_this_computer_have_no_address() -> None:
    for name in ("a.tif", "/data/a.zarr", "C:/data/a.zarr", "plate:1/a.tif"):
        assert address(Path(name)) == ""
    assert address(Path("https://w.org/a b.zarr")) == "https://w.org/a b.zarr"
    assert address(Path("S3://Bucket/a.zarr")) == "s3://Bucket/a.zarr"
