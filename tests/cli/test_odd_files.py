"""Does a command do what is right with an odd file, say what is odd, and say it before the work where it cannot?"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.testing import assert_allclose, assert_array_equal
from typer.testing import CliRunner

import napari_tweedie as nt
from napari_tweedie.cli import app
from napari_tweedie.core.results import Result
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.files import names, read, write
from napari_tweedie.recipe import Recipe

QUICK = ("--denoiser", "tikhonov", "--sigma", "60")


@pytest.fixture
def stack(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:40, :48]
    return (1000 + 10 * x + 5 * y + rng.normal(0, 60, (3, 40, 48))).astype(np.uint16)


def denoise(image: Path, result: Path, *options: object) -> str:
    """Run the command, and return what it says in one line."""
    ran = CliRunner().invoke(app, ["denoise", str(image), str(result), *map(str, options or QUICK)], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return " ".join(ran.output.split())


def in_python(image: Path) -> Result:
    return nt.denoise(image, "tikhonov", sigma=60)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
@pytest.mark.parametrize(
    ("axes", "sizes", "spacing", "unknown", "note"),
    [
        ("ZYX", {"PhysicalSizeZ": 0.0}, (1, 0.1, 0.1), "z", "PhysicalSizeZ is 0.0: the distance of planes is taken as unknown."),
        ("TYX", {"TimeIncrement": 0.0}, (1, 0.1, 0.1), "t", "TimeIncrement is 0.0: the time between frames is taken as unknown."),
        ("ZYX", {"PhysicalSizeZ": 1e-5, "PhysicalSizeZUnit": "dm"}, (1, 0.1, 0.1), "", ""),
        (
            "ZYX",
            {"PhysicalSizeZ": 2, "PhysicalSizeZUnit": "s"},
            (1, 0.1, 0.1),
            "z",
            "PhysicalSizeZ is in 's', which is no length",
        ),
    ],
)
def test_odd_sizes_are_told_and_not_written(
    stack: np.ndarray, tmp_path: Path, suffix: str, axes: str, sizes: dict[str, Any], spacing: Any, unknown: str, note: str
) -> None:
    metadata = {"axes": axes, "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, **sizes}
    tifffile.imwrite(tmp_path / "in.ome.tif", stack, metadata=metadata, photometric="minisblack")
    said = denoise(tmp_path / "in.ome.tif", tmp_path / f"out{suffix}")
    assert said.count(note or " is taken as unknown") == bool(note)
    result = read(tmp_path / f"out{suffix}")
    assert_allclose(result.spacing, spacing)
    assert (result.axes, result.unit, result.unknown) == (axes.lower(), "micrometer", unknown)
    others = [told for told in result.metadata["notes"] if "denoised" not in told]
    assert len(others) == bool(note)
    assert_allclose(result.data[...], in_python(tmp_path / "in.ome.tif").image, atol=0.1)
    assert in_python(tmp_path / "in.ome.tif").notes == result.metadata["notes"]


def test_a_channel_each_keeps_its_noise(rng: np.random.Generator, tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :80]
    clean = np.stack([200 + 100 * (x > 40), 2000 + 900 * ((y - 32) ** 2 + (x - 30) ** 2 < 300)]).astype(float)
    noisy = clean + rng.normal(0, 1, clean.shape) * np.array([8, 120]).reshape(2, 1, 1)
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(tmp_path / "in.ome.tif", noisy.astype(np.float32), metadata=metadata, photometric="minisblack")
    denoise(tmp_path / "in.ome.tif", tmp_path / "out.tif", "--denoiser", "unet-small")
    result = read(tmp_path / "out.tif")
    assert result.metadata["noise_levels"] == pytest.approx([8, 120], rel=0.1)
    assert (np.sqrt(((result.data - clean) ** 2).mean((1, 2))) < [3.2, 48]).all()


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_all_positions_of_a_file_are_done(stack: np.ndarray, tmp_path: Path, suffix: str) -> None:
    second = stack[:, :20] + 500
    with tifffile.TiffWriter(tmp_path / "in.ome.tif", ome=True) as file:
        file.write(stack, metadata={"axes": "TYX", "Name": "A", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1})
        file.write(second, metadata={"axes": "TYX", "Name": "B", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2})
    said = denoise(tmp_path / "in.ome.tif", tmp_path / f"out{suffix}")
    assert f"in.ome.tif holds 2 images: the results of the others are in out_2{suffix}." in said
    first, other = read(tmp_path / f"out{suffix}"), read(tmp_path / f"out_2{suffix}")
    assert (first.data.shape, other.data.shape) == (stack.shape, second.shape)
    assert (first.spacing[-1], other.spacing[-1]) == (0.1, 0.2)
    assert abs(np.mean(other.data[...]) - second.mean()) < 5


def test_images_of_a_collection_are_all_done(stack: np.ndarray, tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "in.zarr", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    for n in range(3):
        write_image(tmp_path / "in.zarr" / str(n), stack[n])
    denoise(tmp_path / "in.zarr", tmp_path / "out.tif")
    for n, name in enumerate(("out.tif", "out_2.tif", "out_3.tif")):
        assert abs(float(read(tmp_path / name).data.mean()) - stack[n].mean()) < 5


def write_image(path: Path, plane: np.ndarray) -> None:
    group = zarr.create_group(path, zarr_format=2)
    group.create_array("0", data=plane)
    group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]


def test_a_stack_that_is_cut_off_is_told_before_the_work(stack: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        offset = file.pages[0].dataoffsets[0]
    (tmp_path / "in.tif").write_bytes((tmp_path / "in.tif").read_bytes()[: offset + stack[0].nbytes * 5 // 2])
    said = denoise(tmp_path / "in.tif", tmp_path / "out.tif")
    assert said.count("The file is cut off: only the first 2 of its 3 planes are there.") == 1
    assert said.index("cut off") < said.index("σ = ")
    assert read(tmp_path / "out.tif").data.shape == (2, 40, 48)


def test_a_thumbnail_is_left_out(stack: np.ndarray, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(stack[0, ::8, ::8], metadata=None)
        file.write(stack[0], metadata=None)
    said = denoise(tmp_path / "in.tif", tmp_path / "out.tif")
    assert "smaller copies of others were left out (5 × 6 pixels)" in said
    assert read(tmp_path / "out.tif").data.shape == (40, 48)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_labels_without_colours_and_axes_in_capitals(stack: np.ndarray, tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "in.zarr", zarr_format=2)
    group.create_array("0", data=stack[:2])
    axes = [{"name": "C", "type": "channel"}, *({"name": name, "type": "space", "unit": "micrometer"} for name in "YX")]
    steps = [{"type": "scale", "scale": [1, 0.1, 0.1]}]
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    group.attrs.update({"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]})
    group.attrs.update({"omero": {"channels": [{"label": "a"}, {"label": "b"}]}})
    denoise(tmp_path / "in.zarr", tmp_path / "out.zarr")
    result = read(tmp_path / "out.zarr")
    assert (result.axes, result.channels, result.spacing) == ("cyx", ("a", "b"), (1, 0.1, 0.1))


def test_a_compressed_file_is_done(stack: np.ndarray, tmp_path: Path) -> None:
    for name, compression in (("plain", None), ("lzw", "lzw")):
        tifffile.imwrite(tmp_path / f"{name}.tif", stack[0], compression=compression, metadata=None)
        denoise(tmp_path / f"{name}.tif", tmp_path / f"{name}_out.tif")
    assert_array_equal(read(tmp_path / "lzw_out.tif").data, read(tmp_path / "plain_out.tif").data)


def test_a_missing_member_leaves_its_planes_empty(stack: np.ndarray, tmp_path: Path) -> None:
    uuid = "urn:uuid:0000000{}-0000-0000-0000-000000000000"
    planes = "".join(
        f'<TiffData IFD="0" FirstT="{t}" PlaneCount="1"><UUID FileName="t{t}.ome.tif">{uuid.format(t)}</UUID></TiffData>'
        for t in range(3)
    )
    pixels = 'DimensionOrder="XYZCT" Type="uint16" SizeX="48" SizeY="40" SizeC="1" SizeZ="1" SizeT="3"'
    xml = (
        f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid.format(0)}">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" {pixels}>{planes}</Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "t0.ome.tif", stack[0], description=xml, photometric="minisblack", metadata=None)
    tifffile.imwrite(tmp_path / "t2.ome.tif", stack[2], description=xml.replace(uuid.format(0), uuid.format(2), 1),
                     photometric="minisblack", metadata=None)  # fmt: skip
    said = denoise(tmp_path / "t0.ome.tif", tmp_path / "out.tif")
    assert "1 of its 3 planes are missing: t1.ome.tif is not there." in said
    result = read(tmp_path / "out.tif")
    assert result.axes == "tyx"
    assert_array_equal(np.isnan(result.data).all((1, 2)), [False, True, False])
    assert np.isfinite(result.data[[0, 2]]).all()


def refused(*arguments: object) -> str:
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ran.exit_code != 0
    return str(ran.exception)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_what_cannot_be_written_is_refused_before_the_first_pixel(
    stack: np.ndarray, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr(sys.modules["napari_tweedie.engine.single_run"].SingleRun, "steps", work)
    image = tmp_path / "in.tif"
    write(image, np.broadcast_to(stack, (2, 2, *stack.shape)), "qczyx")
    assert "there is no folder" in refused("denoise", image, tmp_path / "none" / f"out{suffix}")
    assert "must end in .tif" in refused("denoise", image, tmp_path / "out.png")
    assert "axis besides t, z, y and x" in refused("denoise", image, tmp_path / "out.zarr")
    write(tmp_path / "plane.tif", stack, "zyx")
    (tmp_path / "out.zarr").mkdir()
    assert "exists: choose another name" in refused("denoise", tmp_path / "plane.tif", tmp_path / "out.zarr")
    (tmp_path / "mean_std.zarr").mkdir()
    assert "mean_std.zarr exists" in refused("sample", tmp_path / "plane.tif", tmp_path / "mean.zarr")


def test_further_images_are_checked_before_the_first_one_is_done(stack: np.ndarray, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.ome.tif", ome=True) as file:
        file.write(stack, metadata={"axes": "ZYX"})
        file.write(stack[0], metadata={"axes": "YX"})
    assert names(tmp_path / "in.ome.tif") == ["Image0", "Image1"]
    recipe = Recipe(denoiser="tikhonov", noise={"sigma": 60}, volume=True)
    with pytest.raises(ValueError, match="have no z"):
        next(run_to_file(recipe, tmp_path / "in.ome.tif", tmp_path / "out.tif"))
    assert not (tmp_path / "out.tif").exists()


def test_a_batch_tells_what_is_odd(stack: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": "0,5"}
    tifffile.imwrite(tmp_path / "images" / "in.ome.tif", stack, metadata=metadata, photometric="minisblack")
    recipe = Recipe(denoiser="tikhonov", noise={"sigma": 60})
    (tmp_path / "quick.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    arguments = ["batch", str(tmp_path / "images"), str(tmp_path / "out"), str(tmp_path / "quick.json")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert "PhysicalSizeZ is '0,5'" in (tmp_path / "out" / "summary.csv").read_text()


@pytest.mark.slow
def test_a_note_is_one_line_in_the_terminal(stack: np.ndarray, tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": -1}
    tifffile.imwrite(tmp_path / "in.ome.tif", stack, metadata=metadata, photometric="minisblack")
    script = "from napari_tweedie.cli import main; main()"
    command = [sys.executable, "-c", script, "denoise", str(tmp_path / "in.ome.tif"), str(tmp_path / "out.tif"), *QUICK]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "200"})
    assert ended.stderr.splitlines()[0] == "PhysicalSizeZ is -1: the distance of planes is taken as unknown."
    assert ended.stderr.count("PhysicalSizeZ") == 1
