"""Is an image read for what it is where its file is odd, old, damaged, or one of several?"""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from napari_tweedie.images import tiff
from napari_tweedie.images.files import names, read, write

STACK = np.random.default_rng(0).integers(0, 4000, (6, 20, 24)).astype(np.uint16)
PLANE = STACK[0]


def ome(path: Path, **sizes: Any) -> Path:
    metadata = {"axes": "TZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.3, "TimeIncrement": 2.0, **sizes}
    tifffile.imwrite(path, STACK.reshape(2, 3, 20, 24), metadata=metadata, photometric="minisblack")
    return path


@pytest.mark.parametrize(
    ("sizes", "spacing", "unknown"),
    [
        ({"PhysicalSizeZ": 0.0}, (2, 1, 0.1, 0.1), "z"),
        ({"PhysicalSizeZ": -0.3}, (2, 1, 0.1, 0.1), "z"),
        ({"PhysicalSizeZ": "0,5"}, (2, 1, 0.1, 0.1), "z"),
        ({"PhysicalSizeX": "NaN"}, (2, 0.3, 0.1, 1), "x"),
        ({"TimeIncrement": 0.0}, (1, 0.3, 0.1, 0.1), "t"),
        ({"TimeIncrement": "INF"}, (1, 0.3, 0.1, 0.1), "t"),
        ({"PhysicalSizeZUnit": "second"}, (2, 1, 0.1, 0.1), "z"),
        ({"PhysicalSizeZUnit": "reference frame"}, (2, 1, 0.1, 0.1), "z"),
    ],
)
def test_an_odd_size_in_ome_xml_leaves_the_others_theirs(
    tmp_path: Path, sizes: dict[str, Any], spacing: Any, unknown: str
) -> None:
    picture = read(ome(tmp_path / "a.ome.tif", **sizes))
    assert_allclose(picture.spacing, spacing)
    assert (picture.unit, picture.unknown, len(picture.notes)) == ("micrometer", unknown, 1)
    write(tmp_path / "b.tif", picture.data, picture.axes, picture.spacing, picture.unit, unknown=picture.unknown)
    write(tmp_path / "b.zarr", picture.data, picture.axes, picture.spacing, picture.unit, unknown=picture.unknown)
    for path in (tmp_path / "b.tif", tmp_path / "b.zarr"):
        again = read(path)
        assert (again.spacing, again.unit, again.unknown, again.notes) == (picture.spacing, picture.unit, unknown, ())


@pytest.mark.parametrize(
    ("size", "unit"), [(3e-6, "dm"), (3e-9, "hm"), (300, "nm"), (3000, "Å"), (3e-10, "km"), (3e5, "pm"), (0.3 / 25400, "in")]
)
def test_every_unit_of_ome_is_a_length(tmp_path: Path, size: float, unit: str) -> None:
    picture = read(ome(tmp_path / "a.ome.tif", PhysicalSizeZ=size, PhysicalSizeZUnit=unit))
    assert_allclose(picture.spacing, (2, 0.3, 0.1, 0.1))
    assert picture.unit == "micrometer"


@pytest.mark.parametrize(
    ("said", "spacing", "unknown"),
    [
        ({"unit": "um", "zunit": "nm", "spacing": 500}, (4, 0.5, 0.2, 0.1), ""),
        ({"unit": "microns", "spacing": 0.5}, (4, 0.5, 0.2, 0.1), ""),
        ({"unit": "micron", "spacing": 0.5, "tunit": "ms", "finterval": 4000}, (4, 0.5, 0.2, 0.1), ""),
        ({"unit": "um", "spacing": 0.5, "yunit": "nm", "tunit": "min", "finterval": 4 / 60}, (4, 0.5, 0.0002, 0.1), ""),
        ({"unit": "um", "spacing": 0.5, "finterval": 0}, (1, 0.5, 0.2, 0.1), "t"),
        ({"unit": "um", "spacing": "0,5"}, (4, 1, 0.2, 0.1), "z"),
        ({"unit": "um", "spacing": -0.5}, (4, 1, 0.2, 0.1), "z"),
        ({"unit": "um", "spacing": 2, "zunit": "sec"}, (4, 1, 0.2, 0.1), "z"),
    ],
)
def test_units_and_odd_sizes_of_imagej(tmp_path: Path, said: dict[str, Any], spacing: Any, unknown: str) -> None:
    metadata = {"axes": "TZYX", "finterval": 4, **said}
    data = STACK.reshape(2, 3, 20, 24)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(10, 5), metadata=metadata)
    picture = read(tmp_path / "a.tif")
    assert_allclose(picture.spacing, spacing, rtol=1e-6)
    assert (picture.unit, picture.unknown, len(picture.notes)) == ("micrometer", unknown, len(unknown))


def test_a_resolution_without_denominator_is_unknown(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, imagej=True, resolution=(10, 10), metadata={"unit": "um"})
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags["XResolution"].overwrite((10, 0))
    picture = read(tmp_path / "a.tif")
    assert (picture.spacing, picture.unknown) == ((0.1, 1.0), "x")
    assert picture.notes == ("XResolution is '10/0': the width of pixels is taken as unknown.",)


def test_broken_xml_costs_the_metadata_only(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.ome.tif")
    path.write_bytes(path.read_bytes().replace(b"<Pixels", b"<Pixel<"))
    picture = read(path)
    assert_array_equal(picture.data.reshape(6, 20, 24), STACK)
    assert picture.unit == "pixel"
    assert "OME-XML cannot be read" in picture.notes[0]


# one of several


def positions(path: Path, second: np.ndarray) -> Path:
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(STACK, metadata={"axes": "TYX", "Name": "A", "PhysicalSizeX": 0.1, "Channel": {"Name": ["red"]}})
        file.write(second, metadata={"axes": "TYX"[-second.ndim :], "Name": "B", "PhysicalSizeX": 0.2})
    return path


@pytest.mark.parametrize("second", [STACK + 500, STACK[:2, :, :10], PLANE], ids=["alike", "smaller", "plane"])
def test_all_images_of_a_file_are_found_with_their_own_sizes(tmp_path: Path, second: np.ndarray) -> None:
    path = positions(tmp_path / "a.ome.tif", second)
    assert names(path) == ["A", "B"]
    assert_array_equal(read(path, 0).data, STACK)
    assert_array_equal(read(path, 1).data, second)
    assert (read(path, 0).spacing[-1], read(path, 1).spacing[-1]) == (0.1, 0.2)
    assert read(path, 1).notes == ()
    assert read(path).notes == ("a.ome.tif holds 2 images: this is the first of them.",)


def test_images_of_different_size_in_a_plain_file_are_all_found(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(PLANE, metadata=None)
        file.write(STACK[1, :15, :17], metadata=None)
    assert [read(tmp_path / "a.tif", n).data.shape for n in range(len(names(tmp_path / "a.tif")))] == [(20, 24), (15, 17)]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("options", [{}, {"subfiletype": 1}, {"subfiletype": 1, "photometric": "rgb"}])
def test_a_thumbnail_is_no_image_of_its_own(tmp_path: Path, first: bool, options: dict[str, Any]) -> None:
    small = PLANE[::4, ::4] if "photometric" not in options else np.zeros((5, 6, 3), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for thumbnail in (True, False) if first else (False, True):
            file.write(small if thumbnail else PLANE, metadata=None, **(options if thumbnail else {}))
    picture = read(tmp_path / "a.tif")
    assert_array_equal(picture.data, PLANE)
    if first:
        assert picture.notes == ("It holds 2 images: smaller copies of others were left out (5 × 6 pixels).",)
    assert len(names(tmp_path / "a.tif")) == 1


def test_levels_of_a_pyramid_are_no_images(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(PLANE, subifds=1, metadata={"axes": "YX"})
        file.write(PLANE[::2, ::2], subfiletype=1)
    assert len(names(tmp_path / "a.ome.tif")) == 1
    assert read(tmp_path / "a.ome.tif").notes == ()


# damaged, cut off, incomplete


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("kind", ["imagej", "pages", "shaped", "plain"])
def test_a_file_that_is_cut_off_gives_its_whole_planes_and_a_note(tmp_path: Path, kind: str, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    if kind == "imagej":
        tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "ZYX"})
    elif kind == "pages":
        with tifffile.TiffWriter(path) as file:
            for plane in STACK:
                file.write(plane, metadata=None, contiguous=False, compression=compression)
    else:
        options: dict[str, Any] = {"metadata": None} if kind == "plain" else {}
        tifffile.imwrite(path, STACK, photometric="minisblack", compression=compression, **options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    picture = read(path)
    assert picture.axes == ("zyx" if kind == "imagej" else "qyx")
    assert 2 <= len(picture.data) < 6
    assert_array_equal(picture.data, STACK[: len(picture.data)])
    assert len(picture.notes) == 1
    assert f"the first {len(picture.data)} " in picture.notes[0] or "cannot be read" in picture.notes[0]


def test_a_stack_of_imagej_cut_off_in_its_second_plane_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: 8 + 512 + PLANE.nbytes * 3 // 2])
    with pytest.raises(ValueError, match="the file is cut off: 1 of its 6 planes can be read; copy it again"):
        read(tmp_path / "a.tif")


def multifile(folder: Path) -> Path:
    """Write an OME-TIFF of two frames of three planes, a file a frame, and return the first."""
    uuids = [f"urn:uuid:0000000{n}-0000-0000-0000-000000000000" for n in range(2)]
    planes = "".join(
        f'<TiffData IFD="{z}" FirstT="{t}" FirstZ="{z}" PlaneCount="1"><UUID FileName="t{t}.ome.tif">{uuids[t]}</UUID></TiffData>'
        for t in range(2)
        for z in range(3)
    )
    for t in range(2):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuids[t]}">'
            '<Image ID="Image:0" Name="set"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="24" SizeY="20" '
            f'SizeC="1" SizeZ="3" SizeT="2" PhysicalSizeX="0.1" PhysicalSizeY="0.1">{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            folder / f"t{t}.ome.tif", STACK[3 * t : 3 * t + 3], description=xml, photometric="minisblack", metadata=None
        )
    return folder / "t0.ome.tif"


def test_a_set_of_files_is_read_as_one_image(tmp_path: Path) -> None:
    picture = read(multifile(tmp_path))
    assert (picture.axes, picture.notes) == ("tzyx", ())
    assert_array_equal(picture.data, STACK.reshape(2, 3, 20, 24))


def test_a_missing_member_is_named_and_its_planes_are_missing_pixels(tmp_path: Path) -> None:
    path = multifile(tmp_path)
    (tmp_path / "t1.ome.tif").unlink()
    picture = read(path)
    assert picture.notes == ("3 of its 6 planes are missing: t1.ome.tif is not there.",)
    assert_array_equal(picture.data[0], STACK[:3])
    assert np.ma.getmaskarray(picture.data)[1].all()


def test_planes_missing_at_the_end_of_a_stack_are_left_out(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.ome.tif")
    content = path.read_bytes()
    xml = (
        content.replace(b'SizeT="2"', b'SizeT="1"')
        .replace(b'SizeZ="3"', b'SizeZ="9"')
        .replace(b'PlaneCount="6"', b'PlaneCount="9"')
    )
    path.write_bytes(xml)
    picture = read(path)
    assert (picture.axes, picture.data.shape) == ("zyx", (6, 20, 24))
    assert picture.notes == ("3 of its 9 planes are missing.",)


# compressed, negative, printed


@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({"compression": "lzw"}, np.uint16),
        ({"compression": "lzw", "predictor": 2}, np.uint16),
        ({"compression": "zstd"}, np.uint16),
        ({"compression": "lzma"}, np.uint16),
        ({"compression": "packbits"}, np.uint8),
        ({"compression": "zlib", "predictor": 3}, np.float32),
        ({"compression": "lzw", "predictor": 3}, np.float64),
        ({"compression": "jpeg2000", "compressionargs": {"reversible": True}}, np.uint16),
        ({"compression": "webp", "compressionargs": {"lossless": True}, "photometric": "rgb"}, np.uint8),
    ],
)
def test_compressed_files_open(tmp_path: Path, options: dict[str, Any], dtype: type) -> None:
    data = (PLANE % 256 if dtype == np.uint8 else PLANE).astype(dtype)
    if options.get("photometric") == "rgb":
        data = np.stack([data, data // 2, data // 3], -1)
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None, **options)
    assert_array_equal(read(tmp_path / "a.tif").data, data)


def test_a_jpeg_within_a_tiff_opens(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", smooth, compression="jpeg", metadata=None)
    assert_allclose(read(tmp_path / "a.tif").data, smooth, atol=8)


def test_a_codec_that_is_missing_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    monkeypatch.setattr(tiff, "read", refuse)
    with pytest.raises(ValueError, match="needs imagecodecs: pip install imagecodecs"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_negative_is_read_as_light(tmp_path: Path, dtype: type) -> None:
    data = (PLANE % 200).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", np.iinfo(dtype).max - data, photometric="miniswhite", metadata=None)
    picture = read(tmp_path / "a.tif")
    assert_array_equal(picture.data, data)
    assert picture.notes == ("Zero is white in this file: it was inverted.",)


def test_inks_become_light(tmp_path: Path) -> None:
    inks = np.zeros((2, 2, 4), np.uint8)
    inks[0, 0], inks[0, 1], inks[1, 0] = (255, 0, 0, 0), (0, 255, 255, 51), (0, 0, 0, 255)
    light = np.array([[[0, 255, 255], [204, 0, 0]], [[0, 0, 0], [255, 255, 255]]])
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", metadata=None)
    picture = read(tmp_path / "a.tif")
    assert picture.axes == "yxs"
    assert_array_equal(picture.data, light)
    assert picture.notes == ("Its inks (CMYK) were converted to red, green, blue.",)


def test_the_inks_of_a_jpeg_become_light(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 51)).save(tmp_path / "a.jpg", quality=100)
    picture = read(tmp_path / "a.jpg")
    assert picture.axes == "yxs"
    assert_allclose(picture.data[8, 8], (204, 0, 0), atol=6)


@pytest.mark.parametrize("kind", ["tif", "png"])
def test_transparency_of_grey_is_left_out(tmp_path: Path, kind: str) -> None:
    grey = (PLANE % 256).astype(np.uint8)
    both = np.stack([grey, np.full_like(grey, 7)], -1)
    if kind == "tif":
        tifffile.imwrite(tmp_path / "a.tif", both, photometric="minisblack", extrasamples=["unassalpha"], metadata=None)
    else:
        Image.fromarray(both, "LA").save(tmp_path / "a.png")
    picture = read(tmp_path / f"a.{kind}")
    assert picture.axes == "yx"
    assert_array_equal(picture.data, grey)
    assert picture.notes == ("Its transparency was left out.",)


def test_samples_that_are_no_colour_are_channels_however_many(tmp_path: Path) -> None:
    spectrum = np.moveaxis(STACK[:4], 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", spectrum, photometric="minisblack", planarconfig="contig", metadata=None)
    picture = read(tmp_path / "a.tif")
    assert picture.axes == "cyx"
    assert_array_equal(picture.data, STACK[:4])


def test_all_frames_of_a_picture_are_read(tmp_path: Path) -> None:
    frames = [Image.fromarray((plane % 256).astype(np.uint8)) for plane in STACK]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    picture = read(tmp_path / "a.png")
    assert picture.axes == "tyx"
    assert_array_equal(picture.data, STACK % 256)


def test_a_png_of_16_bit_colour_keeps_them(tmp_path: Path) -> None:
    import imagecodecs

    data = np.stack([STACK[0], STACK[1], STACK[2]], -1)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
    assert_array_equal(read(tmp_path / "a.png").data, data)


def test_a_copied_set_of_files_needs_no_folder_of_its_own(tmp_path: Path) -> None:
    multifile(tmp_path)
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "t1.ome.tif", tmp_path / "b" / "t1.ome.tif")
    picture = read(tmp_path / "b" / "t1.ome.tif")
    assert "t0.ome.tif is not there" in picture.notes[0]
    assert_array_equal(picture.data[1], STACK[3:])


@pytest.mark.parametrize("name", ["a.npz", "a.nii.gz", "a.png", "deep.png", "a.gif"])
def test_a_file_that_holds_more_than_the_memory_is_not_unpacked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros, path = np.zeros((600, 600), np.uint8), tmp_path / name
    if name == "a.npz":
        np.savez_compressed(path, zeros)
    elif name == "a.nii.gz":
        write(path, zeros, "yx")
    elif name == "deep.png":
        path.write_bytes(pytest.importorskip("imagecodecs").png_encode(np.zeros((600, 600, 3), np.uint16)))
    else:
        Image.fromarray(zeros).save(path)
    assert read(path).data.size >= zeros.size
    assert path.stat().st_size < zeros.size / 10
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=300_000))
    with pytest.raises(MemoryError, match=rf"{name} does not fit into the memory \(it holds .* GB, and 0.0003 GB are free"):
        read(path)


def test_a_large_picture_is_no_attack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow warns of pictures beyond a size, which are common in microscopy."""
    Image.fromarray(np.zeros((60, 60), np.uint8)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    assert read(tmp_path / "large.png").data.shape == (60, 60)


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_what_need_not_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    for name in ("pipe.tif", "zero.npy"):
        for look in (read, names):
            with pytest.raises(ValueError, match=rf"{name} is neither a file nor a folder"):
                look(tmp_path / name)
