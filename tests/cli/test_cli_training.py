import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from napari_tweedie.cli import app
from napari_tweedie.denoisers.network import load_errors, load_fusion, load_network
from napari_tweedie.images.files import write

pytestmark = pytest.mark.slow

SMALL = {"widths": [16, 16], "blocks": 1, "steps": 2, "batch": 2, "patch": 16, "large_patch": 16, "precision": "float32"}


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    call("train", tmp_path / "run", "--synthetic", 1, "--settings", json.dumps(SMALL), "--device", "cpu")
    return tmp_path / "run" / "weights.safetensors"


def test_train_writes_weights_that_say_how_they_were_made(trained: Path) -> None:
    assert load_network(trained, torch.device("cpu")).widths == (16, 16)
    assert json.loads(metadata(trained)["training"])["steps"] == 2


def test_errors_writes_weights_that_say_whose_errors_they_know(tmp_path: Path) -> None:
    settings = {"denoisers": ["unet-small"], "patches": 16, "patch": 32, "steps": 2}
    call("errors", tmp_path / "run", "--synthetic", 0, "--even", 1, "--settings", json.dumps(settings), "--device", "cpu")
    weights = tmp_path / "run" / "weights.safetensors"
    assert load_errors(weights, torch.device("cpu")).denoisers == ("unet-small",)
    assert json.loads(metadata(weights)["training"])["steps"] == 2


def test_fusion_writes_weights_that_say_whose_results_they_mend(tmp_path: Path) -> None:
    settings = {"denoisers": ["unet-small"], "examples": 2, "held": 0, "patch": 32, "crop": 32, "steps": 2}
    call("fusion", tmp_path / "run", "--synthetic", 0, "--even", 1, "--settings", json.dumps(settings), "--device", "cpu")
    weights = tmp_path / "run" / "weights.safetensors"
    assert load_fusion(weights, torch.device("cpu")).denoisers == ("unet-small",)
    assert json.loads(metadata(weights)["training"])["steps"] == 2


@pytest.mark.parametrize("command", ["errors", "fusion"])
def test_shares_of_more_than_all_are_refused(tmp_path: Path, command: str) -> None:
    with pytest.raises(ValueError, match=r"together at most 1 \(got 0.8 and 0.3\)"):
        call(command, tmp_path / "run", "--synthetic", 0.8, "--even", 0.3)
    assert not (tmp_path / "run").exists()


def test_adapt_writes_weights_and_says_what_was_gained(trained: Path, tmp_path: Path) -> None:
    y, x = np.mgrid[:80, :96]
    (tmp_path / "images").mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).normal(0, 20, (80, 96))
        write(tmp_path / "images" / f"{number}.tif", (500 + 100 * np.sin(x) * np.sin(y) + noise).astype(np.float32), "yx")
    out = tmp_path / "adapted.safetensors"
    settings = json.dumps({"steps": 60, "learning_rate": 0.005, "patch": 32})
    said = call("adapt", tmp_path / "images", out, "--from", trained, "--sigma", 20, "--settings", settings)
    assert "dB better" in said
    learning = json.loads(metadata(out)["learning"])
    assert learning["gain"] > 1
    assert learning["images"] == ["0", "1"]
    assert metadata(out)["architecture"] == metadata(trained)["architecture"]
    assert "weights" in learning["start"]


def test_adapt_writes_nothing_where_nothing_is_better(trained: Path, tmp_path: Path) -> None:
    write(tmp_path / "image.tif", np.random.default_rng(0).normal(0, 1, (64, 64)).astype(np.float32), "yx")
    out = tmp_path / "adapted.safetensors"
    still = json.dumps({"steps": 1, "learning_rate": 1e-6, "patch": 32})
    assert "no network was better" in call("adapt", tmp_path / "image.tif", out, "--from", trained, "--settings", still)
    assert not out.exists()


def test_adapt_learns_from_targets(trained: Path, tmp_path: Path) -> None:
    y, x = np.mgrid[:80, :96]
    clean = (500 + 100 * np.sin(x) * np.sin(y)).astype(np.float32)
    write(tmp_path / "clean.tif", 2 * clean, "yx")
    write(tmp_path / "noisy.tif", clean + np.random.default_rng(0).normal(0, 20, clean.shape).astype(np.float32), "yx")
    settings = json.dumps({"steps": 40, "learning_rate": 0.005, "patch": 32})
    out = tmp_path / "learnt.safetensors"
    call("adapt", tmp_path / "noisy.tif", out, "--targets", tmp_path / "clean.tif", "--from", trained, "--sigma", 20,
         "--settings", settings)  # fmt: skip
    assert json.loads(metadata(out)["learning"])["settings"]["objective"]["name"] == "noise2noise"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["weights.pt"], r"written as \.safetensors"),
        (["w.safetensors", "--settings", "[1]"], "a JSON object"),
        (["w.safetensors", "--settings", "{"], "settings are JSON"),
        (["w.safetensors", "--objective", "noise2vod"], "did you mean 'noise2void'"),
        (["w.safetensors", "--settings", '{"patch": 33}'], "patch: should be a multiple of 16 .got 33."),
    ],
)
def test_adapt_refuses_in_a_sentence(options: list[str], message: str, tmp_path: Path) -> None:
    write(tmp_path / "image.tif", np.zeros((64, 64), np.float32), "yx")
    with pytest.raises(ValueError, match=message):
        call("adapt", tmp_path / "image.tif", *options)


@pytest.mark.parametrize("command", ["train", "unroll", "errors", "fusion", "pack"])
def test_a_licence_class_that_no_image_has_is_refused_with_those_that_are(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    write(folder / "a.tif", np.zeros((40, 40), np.uint8), "yx")
    (folder / "MANIFEST.csv").write_text("file,licence_class\na.tif,NC\n")
    out = tmp_path / ("out.zip" if command == "pack" else "out")
    with pytest.raises(ValueError, match="no image has the licence class 'nonsense': choose from NC, open, repo-open, research"):
        call(command, out, "--photographs", folder, "--licence", "nonsense")
    if command != "pack":
        rest = ("--even", 0) if command in ("errors", "fusion") else ()
        with pytest.raises(ValueError, match="licence class 'nonsense'"):
            call(command, out, "--synthetic", 1, *rest, "--licence", "nonsense")
    assert not out.exists()


def test_folders_beside_a_packed_file_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "packed.zip").touch()
    with pytest.raises(ValueError, match="in place of folders of images"):
        call("train", tmp_path / "out", "--packed", tmp_path / "packed.zip", "--photographs", tmp_path / "images")


def test_a_packed_file_takes_the_place_of_folders(tmp_path: Path) -> None:
    """The same images in the same groups: the same network, up to the rounding of 16-bit images."""
    for folder in ("photographs", "cells"):
        (tmp_path / folder).mkdir()
        noise = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
        write(tmp_path / folder / "image.tif", noise, "yx")
    folders = ("--photographs", tmp_path / "photographs", "--microscopy", tmp_path / "cells")
    assert "2 images" in call("pack", tmp_path / "images.zip", *folders)
    settings = ("--settings", json.dumps(SMALL), "--device", "cpu")
    call("train", tmp_path / "one", *folders, *settings)
    call("train", tmp_path / "other", "--packed", tmp_path / "images.zip", *settings)
    one, other = (load_network(tmp_path / run / "weights.safetensors", torch.device("cpu")) for run in ("one", "other"))
    for here, there in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "there is nothing to train from"),
        (["--packed", "text.zip"], "holds no images as `pack` writes them"),
        (["--synthetic", "1", "--settings", '{"steps": 0}'], "steps"),
        (["--synthetic", "1", "--device", "what"], "is not on this machine"),
    ],
)
def test_training_that_cannot_begin_writes_nothing(options: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    with contextlib.chdir(tmp_path), pytest.raises(ValueError, match=message):
        call("train", "folder", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["text.zip"]
