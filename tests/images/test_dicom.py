"""Is a DICOM series read in the order of its slices, in the scanner's values, with the size and place of its voxels?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from typer.testing import CliRunner

from napari_tweedie.cli import app
from napari_tweedie.files.reader import layers
from napari_tweedie.images.files import names, read

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid  # noqa: E402

SERIES = "1.2.826.0.1.3680043.8.498.1"


def slice_of(path: Path, pixels: np.ndarray, **fields: Any) -> None:
    """Write a slice as a scanner does."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID, header.SeriesInstanceUID = CTImageStorage, generate_uid(), SERIES
    header.file_meta.MediaStorageSOPClassUID, header.file_meta.MediaStorageSOPInstanceUID = CTImageStorage, header.SOPInstanceUID
    header.Rows, header.Columns = pixels.shape[-2:]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.PixelSpacing = [0.5, 0.25]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.PixelData = pixels.astype("<u2").tobytes()
    for name, value in fields.items():
        setattr(header, name, value)
    header.save_as(path, enforce_file_format=True)


@pytest.fixture
def volume(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 3000, (5, 20, 24)).astype(np.uint16)


def series(folder: Path, volume: np.ndarray, heights: Any = None, **fields: Any) -> Path:
    """Write a volume whose files are neither named nor numbered in the order of its slices."""
    folder.mkdir()
    heights = 3.0 * np.arange(len(volume)) - 7 if heights is None else heights
    for n, (plane, height) in enumerate(zip(volume, heights, strict=True)):
        place = {"ImagePositionPatient": [10, 20, float(height)]} if height is not None else {}
        mixed = (n * 3) % len(volume)
        slice_of(folder / f"IM{mixed:03}", plane, InstanceNumber=str(mixed), **place, **fields)
    return folder


def test_slices_are_sorted_by_position_in_values_of_the_scanner(tmp_path: Path, volume: np.ndarray) -> None:
    found = read(series(tmp_path / "ct", volume, RescaleSlope="1", RescaleIntercept="-1024"))
    assert (found.axes, found.spacing, found.unit, found.name) == ("zyx", (3, 0.5, 0.25), "millimeter", "ct")
    assert found.data.dtype == np.int16
    assert_array_equal(found.data, volume.astype(int) - 1024)
    assert found.notes == ()


def test_slices_of_planes_that_are_turned_are_sorted_along_their_normal(tmp_path: Path, volume: np.ndarray) -> None:
    (tmp_path / "mr").mkdir()
    turned = [0, 1, 0, 0, 0, -1]  # sagittal: the normal points to the right
    for n, plane in enumerate(volume):
        place = [-2.0 * n, 4, 5]
        slice_of(tmp_path / "mr" / f"{n}.dcm", plane, ImageOrientationPatient=turned, ImagePositionPatient=place)
    found = read(tmp_path / "mr")
    assert_array_equal(found.data, volume)
    assert found.spacing[0] == 2


def test_slope_and_intercept_of_each_slice_count(tmp_path: Path, volume: np.ndarray) -> None:
    (tmp_path / "pet").mkdir()
    for n, plane in enumerate(volume):
        place = [0, 0, float(n)]
        slice_of(tmp_path / "pet" / str(n), plane, ImagePositionPatient=place, RescaleSlope=f"{0.1 * (n + 1):.1f}")
    expected = volume * 0.1 * np.arange(1, 6).reshape(-1, 1, 1)
    assert_allclose(read(tmp_path / "pet").data, expected, rtol=1e-6)


def test_several_times_at_each_position_are_frames(tmp_path: Path, volume: np.ndarray) -> None:
    series(tmp_path / "a", volume)
    for n in range(5):
        place = [10, 20, 3.0 * n - 7]
        slice_of(tmp_path / "a" / f"later{n}", volume[n] + 9, InstanceNumber=str(100 + n), ImagePositionPatient=place)
    found = read(tmp_path / "a")
    assert found.axes == "tzyx"
    assert_array_equal(found.data, [volume, volume + 9])


def test_what_is_odd_is_told(tmp_path: Path, volume: np.ndarray) -> None:
    gap = read(series(tmp_path / "gap", volume, [0, 3, 6, 12, 15]))
    assert "not evenly spaced (3 to 6 mm)" in gap.notes[0]
    assert gap.spacing[0] == 3
    lost = read(series(tmp_path / "lost", volume, [None, 3, 6, 9, 12]))
    assert "position of a slice is missing" in lost.notes[0]
    assert lost.unknown == "z"
    assert "one of 5 files of its series" in read(tmp_path / "gap" / "IM000").notes[0]
    white = series(tmp_path / "white", volume, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    assert_array_equal(read(white).data, 4095 - volume)
    slice_of(tmp_path / "gap" / "other", volume[0, :10], ImagePositionPatient=[0, 0, 1.0])
    with pytest.raises(ValueError, match=r"differ in size \(10 × 24, 20 × 24\)"):
        read(tmp_path / "gap")


def test_a_file_without_pixels_is_told_from_one_that_needs_a_decoder(tmp_path: Path, volume: np.ndarray) -> None:
    slice_of(tmp_path / "report.dcm", volume[0])
    report = pydicom.dcmread(tmp_path / "report.dcm")
    del report.PixelData
    report.save_as(tmp_path / "report.dcm")
    with pytest.raises(ValueError, match="holds no pixels"):
        read(tmp_path / "report.dcm")


def test_each_series_of_a_folder_is_an_image(tmp_path: Path, volume: np.ndarray) -> None:
    folder = series(tmp_path / "study", volume, SeriesNumber="2", SeriesDescription="bone")
    slice_of(folder / "scout", volume[0, :10], SeriesInstanceUID=f"{SERIES}.9", SeriesNumber="1")
    assert names(folder) == ["series 1", "bone"]
    assert read(folder, 0).data.shape == (10, 24)
    assert read(folder, 1).data.shape == (5, 20, 24)


def test_frames_of_one_file_are_its_planes(tmp_path: Path, volume: np.ndarray) -> None:
    slice_of(tmp_path / "a.dcm", volume, NumberOfFrames="5", SpacingBetweenSlices="2.5")
    found = read(tmp_path / "a.dcm")
    assert (found.axes, found.spacing) == ("zyx", (2.5, 0.5, 0.25))
    assert_array_equal(found.data, volume)
    (layer,) = layers(str(tmp_path / "a.dcm"))
    assert layer[1]["scale"] == (2.5, 0.5, 0.25)


def test_a_run_keeps_the_place_in_the_patient(tmp_path: Path, volume: np.ndarray) -> None:
    nibabel = pytest.importorskip("nibabel")
    folder = series(tmp_path / "ct", volume)
    arguments = ["denoise", str(folder), str(tmp_path / "out.nii"), "--denoiser", "tikhonov", "--sigma", "60"]
    ran = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    image = nibabel.load(tmp_path / "out.nii")
    assert image.shape == (24, 20, 5)
    # DICOM: 0.25 mm a column to the left, 0.5 mm a row to the back, from (10, 20, -7); NIfTI counts to the right and the front
    assert_allclose(image.affine, [[-0.25, 0, 0, -10], [0, -0.5, 0, -20], [0, 0, 3, -7], [0, 0, 0, 1]])
