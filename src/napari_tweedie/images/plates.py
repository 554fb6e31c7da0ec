"""Plates and wells of OME-Zarr: where their fields of view lie, and plates that are made of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie.images import ngff_reading, remote
from napari_tweedie.images.picture import NAMESPACE

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True)
class Plate:
    """What a plate, or a single well, holds.

    Parameters
    ----------
    fields : tuple of str
        Paths of the fields of view that are there, such as ``"B/3/0"``, in the order of the plate.
    missing : tuple of str
        Paths of wells and fields that are named, and not there.
    attributes : dict of str to dict
        What plate and wells say of themselves, by path, that of the whole first; without the fields that are missing.
    """

    fields: tuple[str, ...]
    missing: tuple[str, ...]
    attributes: Mapping[str, Mapping[str, Any]]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about it, a sentence each."""
        if not self.missing:
            return ()
        return (f"{len(self.missing)} wells or fields that the plate names are not there: {', '.join(self.missing[:8])}.",)

    def begin(self, path: Path, ours: Mapping[str, Any]) -> None:
        """Create a plate, or a well, of the same layout without any image, or go on with one.

        Parameters
        ----------
        path : Path
            The folder.
        ours : mapping
            What tells the run that fills it from others.

        Raises
        ------
        ValueError
            If another run began it.
        """
        import zarr

        if path.exists() and dict(zarr.open_group(path, mode="r").attrs).get(NAMESPACE) != ours:
            raise ValueError(f"{path} was begun by another run: remove it, or choose another name for the result")
        for group, said in self.attributes.items():
            if not (path / group / "zarr.json").exists():
                attributes = {"ome": said} | ({} if group else {NAMESPACE: ours})
                zarr.create_group(path / group, zarr_format=3, attributes=attributes)


def of(path: Path) -> Plate | None:
    """Return the plate or the well that a folder holds; None if it holds something else.

    Raises
    ------
    ValueError
        If it holds no image, or what it says of its wells makes no sense.
    """
    import zarr

    node = remote.opened(path)
    said = {} if isinstance(node, zarr.Array) else _said(node)
    if not {"plate", "well"} & said.keys() or "multiscales" in said:
        return None
    assert isinstance(node, zarr.Group)
    attributes: dict[str, Mapping[str, Any]] = {}
    fields: list[str] = []
    missing: list[str] = []
    if "plate" in said:
        wells = list(_wells(path, said["plate"]))
        there = {well: found for well in wells if isinstance(found := node.get(well), zarr.Group)}
        missing += [well for well in wells if well not in there]
        attributes[""] = {"version": "0.5", "plate": _plate(said["plate"], list(there))}
    else:
        there = {"": node}
    for well, group in there.items():
        images = list(_images(group))
        names = [f"{well}/{image}".strip("/") for image in images]
        present = [isinstance(group.get(image), zarr.Group) for image in images]
        fields += [name for name, is_there in zip(names, present, strict=True) if is_there]
        missing += [name for name, is_there in zip(names, present, strict=True) if not is_there]
        kept = [{"path": image} for image, is_there in zip(images, present, strict=True) if is_there]
        attributes[well] = {"version": "0.5", "well": {"images": kept}}
    if not fields:
        raise ValueError("it is a plate without any field of view")
    return Plate(tuple(fields), tuple(missing), attributes)


def _said(group: zarr.Group) -> Mapping[str, Any]:
    attributes: dict[str, Any] = dict(group.attrs)
    return ngff_reading.described(attributes)


def _wells(path: Path, plate: Any) -> Iterator[str]:
    """Return the paths of the wells that a plate names; where it names none, of those that are there."""
    named = plate.get("wells") if isinstance(plate, Mapping) else None
    if named:
        for n, well in enumerate(named):
            yield _inside(well.get("path") if isinstance(well, Mapping) else well, f"plate.wells[{n}].path")
        return
    for row in _folders(path):
        yield from (f"{row.name}/{well.name}" for well in _folders(row) if _folders(well))


def _folders(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))


def _images(well: zarr.Group) -> Iterator[str]:
    """Return the paths of the fields that a well names; where it names none, of those that are there."""
    said = _said(well).get("well")
    named = said.get("images") if isinstance(said, Mapping) else None
    if named:
        for n, image in enumerate(named):
            yield _inside(image.get("path") if isinstance(image, Mapping) else image, f"well.images[{n}].path")
    else:
        yield from sorted(name for name, _ in well.groups())


def _inside(path: Any, field: str) -> str:
    """Return a path below the folder that names it; one that leads out of it is refused, as results are written by it, too."""
    parts = str(path).strip("/").split("/")
    if not isinstance(path, str | int) or any(part in ("", ".", "..") or "\\" in part for part in parts):
        raise ValueError(f"{field} is {path!r}: it must name a folder within the plate")
    return "/".join(parts)


def _plate(plate: Any, wells: list[str]) -> dict[str, Any]:
    """Return what is to be said of a plate of these wells: rows and columns follow from their paths."""
    places = [well.split("/") for well in wells]
    named = {key: _names(plate, key) for key in ("rows", "columns")}
    for key, at in (("rows", 0), ("columns", -1)):
        named[key] += [name for name in dict.fromkeys(place[at] for place in places) if name not in named[key]]
    described = {key: [{"name": name} for name in names] for key, names in named.items()}
    title = {"name": plate["name"]} if isinstance(plate, Mapping) and isinstance(plate.get("name"), str) else {}
    return {
        **title,
        **described,
        "wells": [
            {"path": well, "rowIndex": named["rows"].index(place[0]), "columnIndex": named["columns"].index(place[-1])}
            for well, place in zip(wells, places, strict=True)
        ],
    }


def _names(plate: Any, key: str) -> list[str]:
    listed = plate.get(key) if isinstance(plate, Mapping) else None
    return [str(each.get("name")) for each in listed or () if isinstance(each, Mapping)]
