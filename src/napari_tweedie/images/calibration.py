"""Pixel sizes as files and layers state them, with one rule for what makes no sense: unknown, and one sentence of why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

from napari_tweedie.images.units import canonical, is_relative, metres, seconds

AXES = "tzyx"
"""Axes along which pixels have a size."""


@dataclass(frozen=True)
class Stated:
    """A pixel size as it stands somewhere.

    Parameters
    ----------
    value : object
        A number, a text, or a pair of numerator and denominator.
    unit : str
        Its unit, as it stands there; empty where there is none.
    field : str
        Where it stands, for people.
    """

    value: Any
    unit: str
    field: str


@dataclass(frozen=True)
class Calibration:
    """What is known of the size of pixels.

    Parameters
    ----------
    spacing : tuple of float
        Size along every axis: in `unit` for z, y, x, in seconds for t; 1.0 where it is unknown.
    unit : str
        One of `METRES`, or ``"pixel"`` where only ratios are known.
    unknown : str
        Axes of t, z, y, x whose size is unknown.
    notes : tuple of str
        What made no sense, in one sentence, if anything did.
    """

    spacing: tuple[float, ...]
    unit: str
    unknown: str
    notes: tuple[str, ...] = ()


def calibrate(axes: str, stated: Mapping[str, Stated]) -> Calibration:
    """Bring stated pixel sizes to one unit, and leave out those that make no sense: 0, negative, not a number, no length.

    Parameters
    ----------
    axes : str
        One letter an axis.
    stated : mapping of str to Stated
        By axis; those of axes that there are not do not count.
    """
    sizes: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for axis in AXES:
        if axis in axes and axis in stated:
            value = number(stated[axis].value)
            if value is None or not (isfinite(value) and value > 0):
                wrong[axis] = f"{stated[axis].field} is {_shown(stated[axis].value)}"
            else:
                sizes[axis] = value
    unit = _unit_of({axis: stated[axis].unit for axis in "xyz" if axis in sizes})
    odd = _in_one_unit(sizes, stated, unit)
    for axis, why in odd.items():
        wrong[axis] = why
        del sizes[axis]
    notes = [_unknown(wrong)] if wrong else []
    foreign = {stated[axis].unit for axis in "xyz" if axis in sizes and unit == "pixel" and not is_relative(stated[axis].unit)}
    if foreign:
        notes.append(f"The unit {', '.join(sorted(map(repr, foreign)))} is not known: only the ratios of the pixel sizes count.")
    unknown = "".join(axis for axis in AXES if axis in axes and axis not in sizes)
    return Calibration(tuple(sizes.get(axis, 1.0) for axis in axes), unit, unknown, tuple(notes))


def number(value: Any) -> float | None:
    """Return what a text, a number or a fraction says, None if it is no number."""
    try:
        if isinstance(value, tuple):
            above, below = value
            return float(above) / float(below) if float(below) else None
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _unit_of(units: Mapping[str, str]) -> str:
    """Return the unit of a picture: that of the first of x, y, z which has a length."""
    return next((canonical(unit)[0] for unit in units.values() if metres(unit) is not None), "pixel")


def _in_one_unit(sizes: dict[str, float], stated: Mapping[str, Stated], unit: str) -> dict[str, str]:
    """Convert sizes to a unit, and seconds, and say of those that cannot be converted why."""
    odd = {}
    whole = metres(unit) or Fraction(1)
    for axis, size in sizes.items():
        given = stated[axis]
        length = seconds(given.unit) if axis == "t" else metres(given.unit)
        if axis != "t" and unit == "pixel":
            continue
        if length is None:
            odd[axis] = f"{given.field} is in {given.unit or 'pixel'!r}, which is no {'time' if axis == 't' else 'length'}"
        else:
            sizes[axis] = _scaled(size, length if axis == "t" else length / whole)
    return odd


def _scaled(size: float, factor: Fraction) -> float:
    """Multiply without a rounding error where the factor or its inverse is whole."""
    return size / float(1 / factor) if factor < 1 else size * float(factor)


def _unknown(wrong: Mapping[str, str]) -> str:
    what = {"t": "time between frames", "z": "distance of planes", "y": "height of pixels", "x": "width of pixels"}
    axes = ", ".join(f"the {what[axis]}" for axis in AXES if axis in wrong)
    return f"{'; '.join(dict.fromkeys(wrong.values()))}: {axes} {'is' if len(wrong) == 1 else 'are'} taken as unknown."


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return re.sub(r"\s+", " ", repr(value) if isinstance(value, str) and number(value) is None else str(value))[:40]
