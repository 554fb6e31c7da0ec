from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_tweedie as nt
from napari_tweedie.cli import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        image = np.random.default_rng(number).normal(100, 30, (16, 16)).astype(np.float32)
        nt.write(tmp_path / f"{number}.tif", image, "yx")
    return tmp_path


def test_a_guarantee_is_found_and_goes_into_the_recipe(folder: Path) -> None:
    """α = ½ and δ = 0.2 need three images; what is printed are options of `sample`, whose recipe then holds the guarantee."""
    common = ["--sigma", "20", "--denoiser", "gaussian", "--set", "sampler.samples=8"]
    ended = CliRunner().invoke(app, ["guarantee", str(folder), *common, "--alpha", "0.5", "--delta", "0.2"])
    assert ended.exit_code == 0, ended.output
    assert "6 images (at least 3 are needed)" in ended.output
    options = ended.stdout.strip().splitlines()[-1].split()
    sampled = CliRunner().invoke(app, ["sample", str(folder / "0.tif"), str(folder / "mean.tif"), *common, *options])
    assert sampled.exit_code == 0, sampled.output
    assert "with 80 % confidence at most 50 % of the pixels" in " ".join(sampled.output.split())


def test_too_few_images_are_told_before_any_work(folder: Path) -> None:
    ended = CliRunner().invoke(app, ["guarantee", str(folder), "--sigma", "20"])
    assert str(ended.exception) == "6 images cannot guarantee α = 0.1 with δ = 0.1: take at least 22, or allow a larger α or δ"
