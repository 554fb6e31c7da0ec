"""Command lines as hypothesis draws them, on a folder of good, odd and damaged files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import zarr
from hypothesis import strategies as st
from PIL import Image

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.analysis import inspections
from napari_tweedie.images.files import write
from napari_tweedie.recipe import Recipe

from .strategies import CLASSICAL, SHORT

IMAGES = (
    "plain.tif", "stack.tif", "colour.png", "channels.zarr", "volume.nii", "volume.mrc", "one.tif", "nan.tif", "dark.tif",
    "half.npy", "arrays.npz", "complex.npy", "labels.tif", "8bit.jpg",
)  # fmt: skip
DAMAGED = (
    "text.tif", "cut.tif", "empty.tif", "empty.zarr", "chunk.zarr", "words.npy", "pickled.npy", "text.pt", "missing.tif",
    "a b é.tif",
)  # fmt: skip
OUT = ("out.tif", "out.tiff", "out.zarr", "out.nii", "out.nii.gz", "out.mrc", "out.png", "out", "none/out.tif", "plain.tif", ".")
RECIPES = ("denoise.json", "restore.json", "list.json", "no.json", "unknown.json", "plain.tif", "stack.tif", "missing.json")
"""Files of the folder that a command line names."""


def fill(folder: Path) -> None:
    """Make the files that command lines name."""
    rng = np.random.default_rng(0)
    cells = (100 + 40 * np.sin(np.arange(20) / 3)[:, None] + rng.normal(0, 5, (20, 22))).astype(np.float32)
    write(folder / "plain.tif", cells.astype(np.uint16), "yx", (0.2, 0.2), "micrometer", {"recipe": {"job": "denoise"}})
    write(folder / "stack.tif", np.stack([cells] * 3), "zyx")
    write(folder / "channels.zarr", np.stack([cells, 2 * cells]).astype(np.uint16), "cyx", channels=("a", "b"))
    write(folder / "volume.nii", np.stack([cells] * 4), "zyx")
    write(folder / "volume.mrc", np.stack([cells] * 4), "zyx")
    write(folder / "one.tif", cells[:1, :1], "yx")
    write(folder / "nan.tif", np.where(cells > 120, np.nan, cells), "yx")
    write(folder / "dark.tif", np.zeros((12, 12), np.uint8), "yx")
    write(folder / "labels.tif", (cells > 110).astype(np.uint8) + (cells > 130), "yx")
    np.save(folder / "half.npy", cells.astype(np.float16))
    np.savez(folder / "arrays.npz", first=cells, second=cells)
    np.save(folder / "complex.npy", cells.astype(np.complex64))
    np.save(folder / "words.npy", np.array([["a", "b"], ["c", "d"]]))
    np.save(folder / "pickled.npy", np.array([[{}, 1]], object), allow_pickle=True)
    Image.fromarray(rng.integers(0, 255, (14, 15, 3), np.uint8)).save(folder / "colour.png")
    Image.fromarray(rng.integers(0, 255, (14, 15), np.uint8)).save(folder / "8bit.jpg")
    (folder / "text.tif").write_text("no image")
    (folder / "text.pt").write_text("no model")
    (folder / "empty.tif").write_bytes(b"")
    whole = (folder / "stack.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    shutil.copy(folder / "plain.tif", folder / "a b é.tif")
    (folder / "empty.zarr").mkdir()
    shutil.copytree(folder / "channels.zarr", folder / "chunk.zarr")
    next(path for path in (folder / "chunk.zarr" / "0" / "c").rglob("*") if path.is_file()).write_bytes(b"garbage")
    zarr.save_array(folder / "plain.zarr", cells)
    contents = {
        "denoise": {"job": "denoise", "denoiser": "tikhonov"},
        "restore": {"job": "restore", "degradation": {"name": "gaussian-blur"}, "solver": "wiener"},
        "list": [1, 2],
        "unknown": {"job": "denoise", "colour": "red"},
    }
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "no.json").write_text("{")


NUMBERS = st.sampled_from(["0", "1", "2.5", "-1", "1e300", "nan", "inf", "1e-300", "many", "", "[1]", "null", "true", '"x"'])

TINY = '{"steps": 1, "widths": [4, 4], "blocks": 1, "batch": 1, "patch": 16, "large_patch": 16, "workers": 0}'
LEVELS = st.sampled_from(["1", "5", "2.5", "40", "0.01", "0", "-1", "nan", "1e30", "many"])


@st.composite
def settings(draw: st.DrawFn) -> str:
    """Draw what ``--set`` sets: mostly a field that there is, to a value that may be one."""
    parts = {
        "denoiser": (denoisers.registry, ["tikhonov", *CLASSICAL]),
        "degradation": (degradations.registry, degradations.names()),
        "solver": (solvers.registry, solvers.names()),
        "sampler": (samplers.registry, samplers.names()),
        "inspection": (inspections.registry, inspections.registry.names()),
    }  # fmt: skip
    part = draw(st.sampled_from(["recipe", "recipe", "noise", "interval", "decomposition", "nothing", *parts]))
    if part in parts:
        registry, names = parts[part]
        fields = sorted({field for name in names for field in registry.method(name).model_fields} - SHORT.keys())
        return f"{part}.{draw(st.sampled_from(fields))}={draw(NUMBERS)}"
    if part == "recipe":
        return f"{draw(st.sampled_from(sorted(Recipe.model_fields)))}={draw(NUMBERS)}"
    fields = ["sigma", "name", "gain", "offset", "correlated", "level", "factor", "alpha", "levels", "x", ""]
    return f"{part}.{draw(st.sampled_from(fields))}{draw(st.sampled_from(['=', '=', '=', '']))}{draw(NUMBERS)}"


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Draw a command line; files are named as they are in the folder that `fill` makes."""
    image = st.sampled_from([*IMAGES * 3, *DAMAGED])
    out = st.sampled_from([*["out.tif", "out.zarr"] * 6, *OUT])
    some = st.sampled_from
    command = draw(
        some(["denoise", "denoise", "restore", "restore", "sample", "decompose", "degrade", "run", "batch", "measure", "inspect",
              "psf", "calibrate", "guarantee", "adapt", "pack", "train", "camera", "list"])
    )  # fmt: skip
    denoiser = ["--denoiser", draw(some(["tikhonov", "unet-small", "wavelet", "total-variation", "heat", "none"]))]
    options: list[list[str]] = []
    if command in ("denoise", "sample", "decompose", "inspect", "measure", "calibrate"):
        options.append(denoiser)
    elif command == "restore":
        options.append(["--set", f"denoiser={denoiser[1]}"])
        options.append(["--set", "solver.iterations=2"] if draw(st.booleans()) else [])
        options.append(["--solver", draw(some([*solvers.names(), "auto", "none"]))] if draw(st.booleans()) else [])
    if command in ("sample", "measure"):
        options.append(["--samples", draw(some(["4", "4", "4", "5", "2", "0", "x"]))])
    if command in ("restore", "sample", "degrade", "measure", "calibrate", "guarantee") and draw(st.booleans()):
        options.append(["--degradation", draw(some([*degradations.names(), "none"]))])
    if command in ("restore", "sample", "degrade", "run", "batch", "measure", "calibrate") and draw(st.integers(0, 3)) == 0:
        options.append([draw(some(["--psf", "--mask", "--camera"])), draw(image)])
    if command in ("restore", "sample", "degrade", "run", "batch") and draw(st.integers(0, 3)) == 0:
        options.append(["--array", draw(some(["sampling=", "angles=", "maps=", "", "mask=", "x="])) + draw(image)])
    plain = ("run", "batch", "pack", "train", "camera", "list", "adapt")
    if command not in (*plain, "calibrate", "guarantee") and draw(st.integers(0, 2)) == 0:
        options.append(["--sigma", draw(LEVELS)])
    if command not in (*plain, "psf") and draw(st.integers(0, 2)) == 0:
        options.append(["--set", draw(settings())])
    if draw(st.integers(0, 11)) == 0:
        options.append([draw(some(["--volume", "--zarr", "--nothing", "--neighbours", "--scheduler", "-v", "--", "-1"]))])
    places = {
        "run": [draw(some(RECIPES)), draw(image), draw(out)],
        "batch": [draw(some([".", "*.tif", "none", "[", "*.json", "plain.tif"])), "results", draw(some(RECIPES))],
        "measure": [draw(image), draw(some(["labels.tif", "plain.tif", *IMAGES])), draw(some(["out.csv", "none/out.csv", "."]))],
        "inspect": [draw(image), draw(some([*inspections.registry.names(), "none"]))],
        "calibrate": [draw(image), "--sigma", draw(LEVELS)],
        "guarantee": [draw(some(["clean", "*.tif", "none"])), "--sigma", "1", "--denoiser", "tikhonov"],
        "adapt": [draw(image), draw(some(["out.safetensors", "out", "none/out.safetensors"])), "--start", "unet-small",
                  "--settings", draw(some(['{"steps": 1, "batch": 1, "patch": 16}', "[]", "{", '{"steps": -1}']))],
        "pack": [draw(some(["out.zip", "none/out.zip", "."])), "--photographs", draw(some([".", "none"]))],
        "train": ["network", draw(some(["--packed", "--photographs", "--from"])),
                  draw(some([".", "text.tif", "none", "text.pt"])), "--settings", draw(some([TINY, "[]", "{", '{"steps": -1}']))],
        "camera": [draw(out), "--dark", draw(image), "--flat", draw(image)],
        "list": [],
    }  # fmt: skip
    words = [command, *places.get(command, [draw(image), draw(out)]), *(word for option in options for word in option)]
    if draw(st.integers(0, 29)) == 0:
        words.pop(draw(st.integers(min(1, len(words) - 1), len(words) - 1)))
    return words
