from pathlib import Path

import numpy as np
import pytest

from napari_tweedie.images.files import read


def test_arrays_of_numpy_are_read_as_they_are(tmp_path: Path, rng: np.random.Generator) -> None:
    y = (rng.normal(size=(4, 6, 8)) + 1j * rng.normal(size=(4, 6, 8))).astype(np.complex64)
    np.save(tmp_path / "scan.npy", y)
    np.savez(tmp_path / "scan.npz", mask=np.ones((60, 80)), ksp=y)
    np.testing.assert_array_equal(read(tmp_path / "scan.npy").data, y)
    picture = read(tmp_path / "scan.npz")
    np.testing.assert_array_equal(picture.data, y)
    assert picture.notes == ("scan.npz holds several arrays: this is 'ksp', not mask.",)


def test_arrays_of_bart_have_their_coils_first(tmp_path: Path, rng: np.random.Generator) -> None:
    y = (rng.normal(size=(4, 6, 8)) + 1j * rng.normal(size=(4, 6, 8))).astype(np.complex64)
    stored = np.zeros((6, 8, 1, 4, 1), np.complex64)  # readout, two phases, coils, maps
    stored[:, :, 0, :, 0] = np.moveaxis(y, 0, -1)
    stored.ravel(order="F").tofile(tmp_path / "scan.cfl")
    (tmp_path / "scan.hdr").write_text("# Dimensions\n6 8 1 4 1\n# Command\nmade here\n")
    np.testing.assert_array_equal(read(tmp_path / "scan.cfl").data, y)


@pytest.mark.parametrize(
    ("header", "message"), [(None, "needs its header"), ("# Dimensions\n6 9 1 4\n", "its header says 6 × 9 × 1 × 4")]
)
def test_a_file_of_bart_that_does_not_fit_its_header_is_named(tmp_path: Path, header: str | None, message: str) -> None:
    np.zeros(192, np.complex64).tofile(tmp_path / "scan.cfl")
    if header:
        (tmp_path / "scan.hdr").write_text(header)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "scan.cfl")


def test_objects_of_python_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.array([{}, 1], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"scan\.npy"):
        read(tmp_path / "scan.npy")
