"""OME-XML of a TIFF: read in spite of what stands around it or has no place in it, or from the companion file that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    import tifffile

    Element = ElementTree.Element

_BEGINNING = re.compile(r"<(\w+:)?OME[\s>]")
_END = re.compile(r".*</(\w+:)?OME\s*>", re.DOTALL)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE = re.compile(r"&(?!#?\w+;)")


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF; its OME-XML counts whatever follows it, and one that names a companion file stands for that."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        text = _repaired(file)
        if text is None:
            yield file
            return
    with tifffile.TiffFile(path, omexml=text) as file:
        yield file


def parsed(file: tifffile.TiffFile) -> tuple[Element | None, tuple[str, ...]]:
    """Return the root of a file's OME-XML; None where it has none, and why, if that is odd."""
    if not file.is_ome:
        cut = _BEGINNING.search(_description(file))
        return None, ("Its OME-XML is cut off: axes and pixel sizes are unknown.",) if cut else ()
    try:
        root = ElementTree.fromstring(file.ome_metadata or "")
    except ElementTree.ParseError as error:
        return None, (f"Its OME-XML cannot be read ({error}): axes and pixel sizes are unknown.",)
    companion = root.find("{*}BinaryOnly")
    if companion is None:
        return root, ()
    name = companion.get("MetadataFile", "")
    why = "cannot be read" if (Path(file.filehandle.dirname) / name).is_file() else "is missing"
    return None, (f"Its metadata are in {name}, which {why}: other parts of the image, and pixel sizes, are unknown.",)


def missing_members(file: tifffile.TiffFile, folder: Path) -> list[str]:
    """Return the names of the files that an OME-TIFF's planes are said to be in, and which are not there."""
    root, _ = parsed(file)
    named = [] if root is None else [uuid.get("FileName", "") for uuid in root.iterfind(".//{*}TiffData/{*}UUID")]
    return [name for name in dict.fromkeys(named) if name and not (folder / name).exists()]


def _repaired(file: tifffile.TiffFile) -> str | None:
    """Return OME-XML to be read in place of a file's own; None where that is well as it is, or beyond repair."""
    given = _description(file)
    if not (_BEGINNING.search(given) and (whole := _END.match(given))):
        return None
    sound = _BARE.sub("&amp;", _ILLEGAL.sub("", whole[0]))
    try:
        root = ElementTree.fromstring(sound)
        if (named := root.find("{*}BinaryOnly")) is not None:
            companion = Path(file.filehandle.dirname) / named.get("MetadataFile", "")
            return ElementTree.tostring(ElementTree.parse(companion).getroot(), encoding="unicode")
    except (ElementTree.ParseError, OSError):
        return None
    return None if file.is_ome and sound == given else sound


def _description(file: tifffile.TiffFile) -> str:
    return str(getattr(file.pages.first, "description", "") or "")
