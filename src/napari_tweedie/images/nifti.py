"""NIfTI volumes of medical imaging, with the size of their voxels and their place in the patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.calibration import Stated, calibrate
from napari_tweedie.images.picture import NAMESPACE, Picture, stem
from napari_tweedie.images.room import check_room
from napari_tweedie.images.units import METRES
from napari_tweedie.images.whole import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = {".nii", ".nii.gz"}
"""Suffixes of such files."""
EXTRA = "NIfTI needs nibabel: pip install 'napari-tweedie[formats]'"

_ORDER = "xyztc"
"""Axes of a NIfTI, the fastest first; the fifth holds components."""
_COMMENT = 6
"""Code of a header extension that holds text."""
_UNITS = {"millimeter": "mm", "micrometer": "micron", "meter": "meter"}


def read(path: Path) -> Picture:
    """Read a NIfTI: axes t, z, y, x as the file orders its voxels, none of them turned; axes of length 1 are left out.

    Raises
    ------
    ValueError
        If nibabel is not installed, or the file is damaged.
    """
    nibabel = _nibabel()
    image = nibabel.load(path)
    check_room(np.prod(image.shape, dtype=float) * max(image.get_data_dtype().itemsize, np.dtype(np.float32).itemsize))
    data = _values(image)
    shape = data.shape[: len(_ORDER)] + (1,) * (len(_ORDER) - data.ndim)
    if data.ndim > len(_ORDER) and any(length > 1 for length in data.shape[len(_ORDER) :]):
        raise ValueError(f"it has {data.ndim} axes (shape {data.shape}), at most {len(_ORDER)} can be read")
    kept = [n for n, length in enumerate(shape) if length > 1 or _ORDER[n] in "yx"]
    data = data.reshape([shape[n] for n in kept])
    axes, colour = "".join(_ORDER[n] for n in reversed(kept)), image.get_data_dtype().fields is not None
    length_unit, time_unit = image.header.get_xyzt_units()
    notes = () if length_unit != "unknown" else ("The unit of the voxel size is not said: it was taken as millimetres.",)
    units = {"t": time_unit if time_unit != "unknown" else "sec"}
    zooms = dict(zip(_ORDER, image.header.get_zooms(), strict=False))
    length_unit = "mm" if length_unit == "unknown" else length_unit
    stated = {
        axis: Stated(float(zooms[axis]), units.get(axis, length_unit), "pixdim")
        for axis in axes
        if axis in "tzyx" and axis in zooms
    }
    sizes = calibrate(axes, stated)
    return Picture(
        _colour_last(data) if colour else data.T,
        axes + "s" * colour,
        sizes.spacing + (1.0,) * colour,
        sizes.unit,
        stem(path),
        _metadata(image),
        unknown=sizes.unknown,
        notes=notes + sizes.notes,
        placement=tuple(np.asarray(image.affine, float)[:3].ravel()),
    )


def write(path: Path, picture: Picture) -> None:
    """Write a NIfTI with voxel size, place and recipe; it appears under its name only when it is complete.

    Raises
    ------
    ValueError
        If nibabel is not installed, or a NIfTI cannot hold the axes.
    """
    nibabel = _nibabel()
    check(picture.axes)
    order = [picture.axes.index(axis) for axis in reversed(picture.axes) if axis != "s"]
    order.sort(key=lambda n: _ORDER.index(picture.axes[n]))
    present = "".join(picture.axes[n] for n in order)
    data = np.asarray(picture.data)
    if "s" in picture.axes:
        data = np.moveaxis(data, picture.axes.index("s"), -1)
        packed = np.ascontiguousarray(data.astype(np.uint8)).view([(name, "u1") for name in "RGB"])[..., 0]
        left = picture.axes.replace("s", "")
        data = packed.transpose([left.index(axis) for axis in present])
    else:
        data = data.transpose(order)
    length = max(_ORDER.index(axis) for axis in present) + 1
    data = data.reshape([data.shape[present.index(axis)] if axis in present else 1 for axis in _ORDER[:length]])
    if data.dtype in (np.int64, np.uint64, np.bool_):
        data = data.astype(np.int32 if data.dtype == np.int64 else np.uint32 if data.dtype == np.uint64 else np.uint8)
    sizes = dict(zip(picture.axes, picture.spacing, strict=True))
    unit, factor = picture.unit, 1.0
    if unit not in _UNITS and unit != "pixel":
        unit, factor = "micrometer", METRES[unit] / METRES["micrometer"]
    voxel = np.array([factor * sizes.get(axis, 1.0) for axis in "xyz"])
    image = nibabel.Nifti1Image(data, _affine(picture, voxel, factor))
    image.header.set_xyzt_units(_UNITS.get(unit, "unknown"), "sec")
    image.header.set_zooms([*voxel, *(sizes.get(axis, 1.0) for axis in "tc")][: data.ndim])
    ours = json.dumps({NAMESPACE: {"axes": picture.axes, "metadata": picture.metadata}})
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(_COMMENT, ours.encode()))
    with whole(path) as part:
        nibabel.save(image, part)


def check(axes: str) -> None:
    """Raise a ValueError if a NIfTI cannot hold these axes."""
    if set(axes) - set(f"{_ORDER}s") or len(set(axes)) != len(axes) or {"c", "s"} <= set(axes):
        raise ValueError(f"a NIfTI holds the axes c, t, z, y, x, each once, not {axes!r}: write a TIFF")


def _values(image: Any) -> NDArray[Any]:
    """Return the numbers as they are stored, or scaled where the file says how."""
    slope, offset = image.dataobj.slope, image.dataobj.inter
    if (slope, offset) == (1, 0) or image.get_data_dtype().fields is not None:
        return np.asarray(image.dataobj.get_unscaled())
    return np.asarray(image.get_fdata(dtype=np.float32))


def _colour_last(data: NDArray[Any]) -> NDArray[Any]:
    return np.stack([data.T[name] for name in data.dtype.names[:3]], axis=-1)  # type: ignore[index]


def _metadata(image: Any) -> dict[str, Any]:
    """Return what `write` stored with the image, empty for files from elsewhere."""
    for extension in image.header.extensions:
        if extension.get_code() == _COMMENT:
            try:
                return dict(json.loads(extension.get_content())[NAMESPACE]["metadata"])
            except (ValueError, KeyError, TypeError):
                continue
    return {}


def _affine(picture: Picture, voxel: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Return where voxels (x, y, z) lie: the place of the source, whose voxels may have been of another size.

    `factor` is how many of the file's units one of the picture's is.
    """
    affine = np.eye(4)
    if not picture.placement:
        place = dict(zip(picture.axes, picture.origin, strict=True))
        affine[:3, :3] = np.diag(voxel)
        affine[:3, 3] = [factor * place.get(axis, 0.0) for axis in "xyz"]
        return affine
    affine[:3] = np.reshape(picture.placement, (3, 4))
    ratio = voxel / np.linalg.norm(affine[:3, :3], axis=0)
    affine[:3, 3] += affine[:3, :3] @ (ratio - 1) / 2  # the corner of the first voxel stays where it is
    affine[:3, :3] *= ratio
    return affine


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise ValueError(EXTRA) from error
    return nibabel
