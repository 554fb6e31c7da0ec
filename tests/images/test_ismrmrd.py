"""ISMRMRD files are written here as its specification says, from k-space that is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_tweedie as nt

h5py = pytest.importorskip("h5py")

COILS, ROWS, COLUMNS = 3, 20, 16
COUNTERS = (
    "kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast", "phase", "repetition", "set", "segment",
)  # fmt: skip
HEAD = np.dtype(
    [(name, "<u2") for name in ("number_of_samples", "active_channels", "discard_pre", "discard_post", "center_sample")]
    + [("flags", "<u8"), ("idx", [(name, "<u2") for name in COUNTERS])]
)
XML = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>
<encodedSpace><matrixSize><x>{x}</x><y>{y}</y><z>{z}</z></matrixSize></encodedSpace>
<reconSpace><matrixSize><x>{recon}</x><y>{y}</y><z>1</z></matrixSize></reconSpace>
<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{y}</maximum><center>{centre}</center>
</kspace_encoding_step_1></encodingLimits><trajectory>{trajectory}</trajectory></encoding></ismrmrdHeader>"""


@pytest.fixture
def kspace(rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(size=(COILS, ROWS, COLUMNS)) + 1j * rng.normal(size=(COILS, ROWS, COLUMNS))
    return values.astype(np.complex64)


def written(path: Path, lines: Sequence[tuple[dict[str, int], np.ndarray]], **said: Any) -> Path:
    """Write lines, each its head and samples (coils, samples)."""
    known = {"x": COLUMNS, "y": ROWS, "z": 1, "recon": COLUMNS, "centre": ROWS // 2, "trajectory": "cartesian"} | said
    stored = np.zeros(len(lines), [("head", HEAD), ("data", h5py.vlen_dtype(np.float32))])
    for n, (head, samples) in enumerate(lines):
        usual = {"number_of_samples": samples.shape[1], "active_channels": len(samples), "center_sample": samples.shape[1] // 2}
        for name, value in (usual | head).items():
            (stored["head"]["idx"] if name in COUNTERS else stored["head"])[name][n] = value
        stored["data"][n] = samples.astype(np.complex64).view(np.float32).ravel()
    with h5py.File(path, "w") as file:
        group = file.create_group("dataset")
        group.create_dataset("xml", data=[XML.format(**known)], dtype=h5py.string_dtype())
        group.create_dataset("data", data=stored, dtype=stored.dtype)
    return path


def test_lines_lie_where_their_counters_say(kspace: np.ndarray, tmp_path: Path) -> None:
    chosen = [0, 3, 9, 10, 11, 17]
    noise = ({"flags": 1 << 18}, 100 * kspace[:, 0])
    last = {"flags": 1 << 24}
    lines = [noise, *(({"kspace_encode_step_1": row} | (last if row == 17 else {}), kspace[:, row]) for row in chosen)]
    picture = nt.read(written(tmp_path / "scan.h5", lines))
    expected = np.zeros_like(kspace)
    expected[:, chosen] = kspace[:, chosen]
    np.testing.assert_array_equal(picture.data, expected)
    assert picture.axes == "qyx"
    assert picture.notes == ()


def test_repeated_lines_are_averaged_and_further_images_told_of(kspace: np.ndarray, tmp_path: Path) -> None:
    lines = [
        ({"kspace_encode_step_1": 5, "average": 0}, kspace[:, 5]),
        ({"kspace_encode_step_1": 5, "average": 1}, kspace[:, 6]),
        ({"kspace_encode_step_1": 5, "repetition": 1}, kspace[:, 7]),
    ]
    picture = nt.read(written(tmp_path / "scan.mrd", lines))
    np.testing.assert_allclose(picture.data[:, 5], (kspace[:, 5] + kspace[:, 6]) / 2, rtol=1e-6)
    assert "several of the counter 'repetition'" in picture.notes[0]


def test_partial_echoes_reversed_lines_and_another_middle_are_put_in_place(kspace: np.ndarray, tmp_path: Path) -> None:
    lines = [
        ({"kspace_encode_step_1": 2, "center_sample": 3}, kspace[:, 6, 5:]),
        ({"kspace_encode_step_1": 3, "flags": 1 << 21}, kspace[:, 7, ::-1]),
    ]
    data = nt.read(written(tmp_path / "scan.h5", lines, centre=6)).data
    np.testing.assert_array_equal(data[:, 6, 5:], kspace[:, 6, 5:])
    assert not data[:, 6, :5].any()
    np.testing.assert_array_equal(data[:, 7], kspace[:, 7])


def test_slices_are_planes(kspace: np.ndarray, tmp_path: Path) -> None:
    lines = [({"kspace_encode_step_1": 4, "slice": n}, kspace[:, 4 + n]) for n in range(2)]
    picture = nt.read(written(tmp_path / "scan.h5", lines))
    assert (picture.axes, picture.data.shape) == ("qzyx", (COILS, 2, ROWS, COLUMNS))
    np.testing.assert_array_equal(picture.data[:, 1, 4], kspace[:, 5])


def test_an_oversampled_readout_is_cut_to_the_field_of_view(kspace: np.ndarray, tmp_path: Path) -> None:
    lines = [({"kspace_encode_step_1": row}, kspace[:, row]) for row in range(ROWS)]
    picture = nt.read(written(tmp_path / "scan.h5", lines, recon=COLUMNS // 2))

    def image(space: np.ndarray) -> Any:
        return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(space, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))

    wide = image(kspace)
    np.testing.assert_allclose(image(picture.data), wide[..., COLUMNS // 4 : -COLUMNS // 4], atol=1e-5)
    assert "oversampled" in picture.notes[0]


@pytest.mark.parametrize(
    ("said", "message"),
    [({"trajectory": "radial"}, "trajectory is 'radial'"), ({"z": 4}, "encoded along z"), ({"y": 3}, "outside")],
)
def test_what_is_not_read_is_said(said: dict[str, Any], message: str, kspace: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path / "scan.h5", [({"kspace_encode_step_1": 12}, kspace[:, 12])], **said)
    with pytest.raises(ValueError, match=message):
        nt.read(path)
