"""Is OME-XML read in spite of what stands around it, within it, or in a file of its own?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_tweedie.images.files import names, read
from napari_tweedie.images.picture import Picture

STACK = np.arange(3 * 20 * 24, dtype=np.uint16).reshape(3, 20, 24)
UUID = "urn:uuid:00000000-0000-0000-0000-00000000000{}"


def xml_of(path: Path) -> str:
    """Return the OME-XML that tifffile writes for the stack."""
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.5}
    tifffile.imwrite(path / "plain.ome.tif", STACK, metadata={"axes": "ZYX", **sizes}, photometric="minisblack")
    with tifffile.TiffFile(path / "plain.ome.tif") as file:
        return str(file.ome_metadata)


def with_xml(path: Path, change: Callable[[str], str]) -> Picture:
    text = change(xml_of(path)).encode()
    tifffile.imwrite(path / "in.ome.tif", STACK, description=text, metadata=None, photometric="minisblack")
    return read(path / "in.ome.tif")


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml.replace("<OME", "<!-- before -->\n<OME", 1),
        lambda xml: xml + "\n<!-- what a collector of metadata has added behind it -->\n",
        lambda xml: xml + "\n\n  {'also': 'no XML at all'}",
        lambda xml: xml.replace('encoding="UTF-8"', 'encoding="UTF-16"'),
        lambda xml: xml.replace('Name="Image0"', 'Name="A & B"'),
        lambda xml: xml.replace('Name="Image0"', 'Name="A\x01\x1f"'),
        lambda xml: "\ufeff" + xml,
        lambda xml: xml.split("?>", 1)[1],
        lambda xml: xml.replace("<Pixels", '<!-- <Pixels SizeX="1"/> --><Pixels'),
        lambda xml: xml.replace("PhysicalSizeX=", 'PhysicalSizeXUnit="" PhysicalSizeX='),
    ],
)
def test_axes_and_sizes_survive_what_stands_around_them(tmp_path: Path, change: Callable[[str], str]) -> None:
    found = with_xml(tmp_path, change)
    assert (found.axes, found.spacing, found.unit, found.notes) == ("zyx", (0.5, 0.1, 0.1), "micrometer", ())


def test_xml_that_is_cut_off_is_told(tmp_path: Path) -> None:
    found = with_xml(tmp_path, lambda xml: xml[:-40])
    assert (found.unknown, found.unit) == ("yx", "pixel")
    assert found.notes == ("Its OME-XML is cut off: axes and pixel sizes are unknown.",)


def companion(path: Path) -> None:
    """Write a set of two files, an image of a plane each, whose metadata are in a third one."""
    for n in range(2):
        only = f'<BinaryOnly MetadataFile="set.companion.ome" UUID="{UUID.format(9)}"/>'
        text = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{UUID.format(n)}">{only}</OME>'
        tifffile.imwrite(path / f"p{n}.ome.tif", STACK[n], description=text, metadata=None, photometric="minisblack")
    data = "".join(
        f'<TiffData IFD="0" FirstT="{n}" PlaneCount="1"><UUID FileName="p{n}.ome.tif">{UUID.format(n)}</UUID></TiffData>'
        for n in range(2)
    )
    sizes = 'SizeX="24" SizeY="20" SizeC="1" SizeZ="1" SizeT="2" PhysicalSizeX="0.2" PhysicalSizeY="0.2" TimeIncrement="3"'
    pixels = f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" {sizes}>{data}</Pixels>'
    xml = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{UUID.format(9)}"><Image>{pixels}</Image></OME>'
    (path / "set.companion.ome").write_text(f'<?xml version="1.0" encoding="UTF-16"?>{xml}', encoding="utf-16")


@pytest.mark.parametrize("opened", ["p0.ome.tif", "p1.ome.tif"])
def test_a_file_of_a_set_with_a_companion_stands_for_the_set(tmp_path: Path, opened: str) -> None:
    companion(tmp_path)
    found = read(tmp_path / opened)
    assert (found.axes, found.spacing, found.unit, found.notes) == ("tyx", (3, 0.2, 0.2), "micrometer", ())
    assert np.array_equal(found.data, STACK[:2])
    assert len(names(tmp_path / opened)) == 1


def test_a_missing_companion_and_a_missing_member_are_told(tmp_path: Path) -> None:
    companion(tmp_path)
    (tmp_path / "p1.ome.tif").unlink()
    assert "p1.ome.tif is not there" in read(tmp_path / "p0.ome.tif").notes[0]
    (tmp_path / "set.companion.ome").unlink()
    assert "set.companion.ome, which is missing: other parts of the image" in read(tmp_path / "p0.ome.tif").notes[0]
