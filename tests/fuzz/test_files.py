"""Is a damaged file read, or refused in a sentence, wherever the damage is?"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis")

import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from napari_tweedie import denoisers
from napari_tweedie.images.arrays import fetched
from napari_tweedie.images.files import read, write
from napari_tweedie.recipe.provenance import stored_recipe
from napari_tweedie.recipe.recipe import Recipe

from .strategies import fuzzed, is_a_sentence

DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
WORDS = st.text(max_size=8) | st.sampled_from(["denoise", "unet", "yx", "file"])
FIELDS = st.sampled_from([*Recipe.model_fields, "name", "sigma", "mask", "spacing", "sha256", "path"])
OTHERS = [".nii", ".nii.gz", ".mrc", ".npy", ".npz", ".png", ".jpg", ".ome.tif", ".safetensors"]
"""Formats that are damaged besides TIFF and OME-Zarr; the last one holds weights."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A stack in every format that is written."""
    folder = tmp_path_factory.mktemp("whole")
    stack = np.random.default_rng(0).integers(0, 4000, (3, 20, 24)).astype(np.uint16)
    for suffix in (".tif", ".zarr"):
        write(folder / f"whole{suffix}", stack, "zyx", (1.0, 0.2, 0.2), "micrometer", {"recipe": {"job": "denoise"}})
    for suffix in (".nii", ".nii.gz", ".mrc"):
        write(folder / f"whole{suffix}", stack.astype(np.float32), "zyx", (1.0, 0.2, 0.2), "micrometer")
    write(folder / "whole.ome.tif", stack[:, None].repeat(2, 1), "tcyx", channels=("a", "b"))
    np.save(folder / "whole.npy", stack)
    np.savez_compressed(folder / "whole.npz", a=stack, b=stack[0])
    for suffix in (".png", ".jpg"):
        Image.fromarray((stack[0] // 16).astype(np.uint8)).save(folder / f"whole{suffix}")
    save_file({"weight": torch.zeros(8, 8)}, folder / "whole.safetensors", {"architecture": '{"widths": [4], "blocks": 1}'})
    return {suffix: folder / f"whole{suffix}" for suffix in (".tif", ".zarr", *OTHERS)}


def damaged(content: bytes, damage: list[tuple[float, bytes]], length: float) -> bytes:
    """Overwrite some bytes, and cut the end off."""
    changed = bytearray(content)
    for place, values in damage:
        start = int(place * len(changed))
        changed[start : start + len(values)] = values
    return bytes(changed[: int(length * len(changed))])


def read_all(path: Path) -> None:
    try:
        fetched(read(path).data)
    except Exception as error:
        if not isinstance(error, ValueError | OSError | MemoryError) or "\n" in str(error):
            raise


@fuzzed(30)
@given(damage=DAMAGE, length=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.01]))
def test_a_damaged_tiff(
    written: dict[str, Path], tmp_path_factory: Any, damage: list[tuple[float, bytes]], length: float
) -> None:
    path = tmp_path_factory.mktemp("tiff") / "damaged.tif"
    path.write_bytes(damaged(written[".tif"].read_bytes(), damage, length))
    read_all(path)


@pytest.mark.slow
@fuzzed(60)
@given(suffix=st.sampled_from(OTHERS), damage=DAMAGE, length=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.01]))
def test_a_damaged_file_of_another_format(
    written: dict[str, Path], tmp_path_factory: Any, suffix: str, damage: list[tuple[float, bytes]], length: float
) -> None:
    path = tmp_path_factory.mktemp("other") / f"damaged{suffix}"
    path.write_bytes(damaged(written[suffix].read_bytes(), damage, length))
    if suffix != ".safetensors":
        return read_all(path)
    try:
        denoisers.load("file", path=path)(torch.rand(1, 1, 8, 8), 0.1)
    except Exception as error:
        if not is_a_sentence(error):
            raise
    return None


@fuzzed(30)
@given(which=st.integers(0, 100), damage=DAMAGE, length=st.sampled_from([1.0, 1.0, 0.5, 0.0]))
def test_a_damaged_zarr(
    written: dict[str, Path], tmp_path_factory: Any, which: int, damage: list[tuple[float, bytes]], length: float
) -> None:
    path = tmp_path_factory.mktemp("zarr") / "damaged.zarr"
    shutil.copytree(written[".zarr"], path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    chosen = files[which % len(files)]
    chosen.write_bytes(damaged(chosen.read_bytes(), damage, length))
    read_all(path)


@pytest.mark.slow
@fuzzed(60)
@given(JSON)
def test_a_recipe_of_any_json(tmp_path_factory: Any, content: Any) -> None:
    path = tmp_path_factory.mktemp("json") / "recipe.json"
    path.write_text(json.dumps(content))
    try:
        stored = stored_recipe(path)
        Recipe.model_validate(stored["recipe"])
    except Exception as error:
        if not is_a_sentence(error):
            raise


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"job":' * 50_000, "", "milk", "[1, 2]", '"denoise"', "null", "\ufeff{}", "{'job': 1}"]
)
def test_a_recipe_file_that_holds_something_else_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"recipe.json holds no recipe"):
        stored_recipe(path)
