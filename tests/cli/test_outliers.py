from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from napari_tweedie.cli import app
from napari_tweedie.images.files import read, write


def denoised(folder: Path, image: np.ndarray, name: str) -> str:
    write(folder / "in.tif", image, "yx", (0.2, 0.2), "micrometer")
    words = ["denoise", str(folder / "in.tif"), str(folder / name), "--denoiser", "unet-small", "--sigma", "10", "--outliers"]
    done = CliRunner().invoke(app, words)
    return done.output + str(done.exception or "")


def test_outliers_are_written_beside_the_result_where_there_are_some(tmp_path: Path, rng: np.random.Generator) -> None:
    image = rng.normal(500, 10, (40, 48)).astype(np.float32)
    assert "outliers" not in denoised(tmp_path, image, "clean.tif")
    assert not (tmp_path / "clean_outliers.tif").exists()
    image[7, 9], image[20, 30] = 5000, 0
    told = " ".join(denoised(tmp_path, image, "clean.tif").split())
    assert "clean_outliers.tif: 1 hot, 2 dead, 3 blinking, 4 cosmic ray" in told
    found = read(tmp_path / "clean_outliers.tif")
    expected = np.zeros(image.shape, np.uint8)
    expected[7, 9], expected[20, 30] = 1, 2
    np.testing.assert_array_equal(np.asarray(found.data), expected)
    assert found.spacing == (0.2, 0.2)


def test_regions_say_that_they_do_not_write_outliers(tmp_path: Path, rng: np.random.Generator) -> None:
    told = denoised(tmp_path, rng.normal(500, 10, (40, 48)).astype(np.float32), "clean.zarr")
    assert "write the result" in told
    assert not (tmp_path / "clean.zarr").exists()
