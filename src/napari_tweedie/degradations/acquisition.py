"""Acquisition of a sinogram: what the measurement tells of its angles, its axis of rotation and its detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.degradations.rings import find_rings
from napari_tweedie.degradations.sinogram import axis_of_rotation, bridged, dead_pixels, detector_axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.degradations.radon import Radon
    from napari_tweedie.degradations.sinogram import Array


def fit(operator: Radon, sinogram: Array) -> Radon:
    """Return the operator that measured a sinogram, (Y, X), with what was found in its notes.

    That is along which axis its angles lie, how many, where its axis of rotation is, which values say nothing, and which rings it
    holds.

    Raises
    ------
    ValueError
        If the sinogram has not as many angles as there are to be.
    """
    notes = list[str]()
    sinogram = np.where(np.isfinite(sinogram), sinogram, np.nan)
    turned = operator.turned if operator.angles_along != "auto" else _has_angles_along_y(operator, np.nan_to_num(sinogram))
    if turned:
        sinogram = sinogram.T
        if operator.angles_along == "auto":
            notes.append("The angles of the sinogram lie along Y: it was taken so.")
    known: dict[str, Any] = {"angles_along": "y" if turned else "x", **_angles(operator, sinogram.shape[1], turned, notes)}
    unknown = dead_pixels(sinogram)
    if unknown.any():
        notes.append(_left_out(unknown))
    sinogram = bridged(sinogram, unknown)
    if operator.axis is None:
        known["axis"] = _axis(operator.model_copy(update=known), sinogram, notes)
    if operator.pixel is not None:
        sizes, unit = operator.pixel
        notes.append(f"Values are per pixel: {_per_length(sizes[turned], unit)}.")
    rings = find_rings(sinogram, known.get("axis", operator.axis or 0.0)) if operator.rings == "auto" else None
    if rings is not None:
        notes.append(f"{rings.words(sinogram.shape[1])}: they count as noise; rings, keep, takes them for signal.")
    return operator.found(notes, len(sinogram), unknown if unknown.any() else None, **known).with_rings(rings)


def _has_angles_along_y(operator: Radon, sinogram: Array) -> bool:
    count = len(operator.theta()) if operator.says_angles else None
    if sinogram.shape[0] != sinogram.shape[1] and count in sinogram.shape:
        return count == sinogram.shape[0]
    return detector_axis(sinogram) == 1


def _angles(operator: Radon, count: int, turned: bool, notes: list[str]) -> dict[str, Any]:
    """Return what is to be known of the angles of a sinogram that has so many."""
    if not operator.says_angles:
        notes.append(f"{count} projections over {operator.limit:g}° were assumed: at, or directions, gives other angles.")
        return {"angles": count}
    if len(operator.theta()) != count:
        raise ValueError(
            f"the sinogram has {count} projections along {'Y' if turned else 'X'}, but {len(operator.theta())} angles are given: "
            "they must be as many"
        )
    if operator.directions.array is not None and operator.are_radians(operator.directions.real().astype(np.float64).ravel()):
        notes.append(f"The angles reach to {float(operator.directions.real().max()):.3g}: they were taken as radians.")
    return {}


def _left_out(unknown: NDArray[np.bool_]) -> str:
    dead = unknown.all(1)
    counts = {"pixels of the detector see nothing": int(dead.sum()), "further values are missing": int(unknown[~dead].sum())}
    return " and ".join(f"{count} {what}" for what, count in counts.items() if count) + ": they were left out."


def _axis(operator: Radon, sinogram: Array, notes: list[str]) -> float:
    """Return where the axis of rotation lies, 0 where that is not known."""
    if operator.source is not None:
        notes.append("The axis of rotation was taken to be in the middle of the detector: of a fan beam, axis says another.")
        return 0.0
    axis, why = axis_of_rotation(sinogram, operator.theta())
    if axis:
        notes.append(
            f"The axis of rotation lies {axis:+.2f} px from the middle of the detector, as the centres of mass of the "
            "projections show: it was taken there."
        )
    elif why:
        notes.append(f"The axis of rotation was taken to be in the middle of the detector, as {why}: axis says another.")
    return axis


def _per_length(size: float, nanometres: float | None) -> str:
    """Say how attenuation per pixel becomes one per length."""
    if nanometres is None:
        return f"divide by {size:g}, the size of a pixel, for those per unit of length"
    return f"divide by {size * nanometres * 1e-6:.4g} for those per millimetre"
