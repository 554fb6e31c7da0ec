"""Every block of Python and every command of the documentation, executed on small images."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import napari_tweedie as nt
from napari_tweedie.cli import app

TOP = Path(__file__).parents[2]
PAGES = sorted({TOP / "README.md", *(TOP / "docs").rglob("*.md")})
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = ("demo",)
"""Commands that open windows; they are tested elsewhere."""

pytestmark = pytest.mark.slow


@pytest.fixture
def images(rng: np.random.Generator) -> dict[str, Any]:
    """Return what the pages take as given: small images of every kind that they name."""
    y, x = np.mgrid[:48, :48]
    truth = 100 + 60 * ((y - 20) ** 2 + (x - 26) ** 2 < 150) + 30 * ((y - 34) ** 2 + (x - 12) ** 2 < 60.0)
    depth = np.exp(-(((np.arange(6) - 3) / 1.5) ** 2))[:, None, None]
    stack = 100 + depth * (truth - 100)
    psf = np.zeros((3, 7, 7))
    psf[1, 3, 3] = 1
    mask = rng.random(truth.shape) < 0.3
    dark, flat, dim = (2 * rng.poisson(photons, (12, 48, 48)) + rng.normal(100, 3, (12, 48, 48)) for photons in (0, 300, 80))
    return {
        "truth": truth,
        "image": rng.normal(truth, 8).astype(np.float32),
        "blurred": rng.normal(gaussian_filter(truth, 2), 2).astype(np.float32),
        "stack": rng.normal(gaussian_filter(stack, (0.5, 1, 1)), 2).astype(np.float32),
        "frames": rng.poisson(np.stack([np.tile(truth * light, (2, 2)) for light in (1, 0.8, 0.6)])).astype(np.uint16),
        "psf": gaussian_filter(psf, (0.5, 1, 1)).astype(np.float32),
        "mask": mask.astype(np.uint8),
        "incomplete": np.where(mask, 0, truth).astype(np.float32),
        "raw": (2 * rng.poisson(truth / 10) + rng.normal(100, 3, truth.shape)).astype(np.uint16),
        **{name: stack.astype(np.uint16) for name, stack in (("dark", dark), ("flat", flat), ("dim", dim))},
    }


@pytest.fixture
def folder(tmp_path: Path, images: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with the files that the pages name, and go there."""
    planes = {"cells": "image", "clean_cells": "truth", "blurred": "blurred", "incomplete": "incomplete"}
    for name, of in planes.items():
        nt.write(tmp_path / f"{name}.tif", images[of].astype(np.float32), "yx")
    nt.write(tmp_path / "mask.tif", images["mask"], "yx")
    for name in ("stack", "other"):
        nt.write(tmp_path / f"{name}.tif", images["stack"], "zyx", (0.3, 0.1, 0.1), "micrometer")
    nt.write(tmp_path / "psf.tif", images["psf"], "zyx", (0.3, 0.1, 0.1), "micrometer")
    nt.write(tmp_path / "psf_2d.tif", images["psf"].sum(0), "yx")
    nt.write(tmp_path / "film.tif", images["frames"], "tyx", (30, 1, 1))
    for name, of in {"dark": "dark", "dim": "dim", "bright": "flat"}.items():
        nt.write(tmp_path / f"{name}.tif", images[of], "tyx")
    nt.write(tmp_path / "raw.tif", images["raw"], "yx")
    nt.write(tmp_path / "plate.zarr", images["image"], "yx")
    nt.write(tmp_path / "brain.nii.gz", images["stack"], "zyx", (3, 1, 1), "millimeter")
    nt.write(tmp_path / "tilt.mrc", images["image"], "yx", (5, 5), "nanometer")
    (tmp_path / "data").mkdir()
    nt.write(tmp_path / "data" / "one.tif", images["image"], "yx")
    (tmp_path / "denoise.json").write_text(json.dumps({"job": "denoise", "denoiser": {"name": "unet-small"}}))
    (tmp_path / "recipe.json").write_text((tmp_path / "denoise.json").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(block: str) -> Iterator[list[str]]:
    """Yield the arguments of every command of ours in a block; a line that ends in a backslash goes on."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["napari-tweedie"] and words[1] not in LEFT_OUT:
            yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_what_a_page_says_works(page: Path, folder: Path, images: dict[str, Any]) -> None:
    names: dict[str, Any] = {**images, "nt": nt, "np": np, "__name__": "page"}
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(block, f"<{page.name}: {block.splitlines()[0]}>", "exec"), names)
            continue
        for arguments in commands(block):
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, f"napari-tweedie {shlex.join(arguments)}: {done.exception or done.output}"


def test_blocks_say_what_they_are() -> None:
    """One without a language is no code: a formula, a tree of folders."""
    for page in PAGES:
        for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            assert kind in {"python", "sh", "console", "toml", "yaml", "json", "text", ""}, f"{page}: {kind}"
            assert kind or "napari-tweedie " not in block, f"{page}: a command without ```sh\n{block}"
