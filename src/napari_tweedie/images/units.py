"""Units of length and time, by every name and symbol that OME, ImageJ and OME-NGFF files give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from html import unescape
from math import prod
from unicodedata import normalize

_PREFIXES = {
    "yotta": ("Y", 24), "zetta": ("Z", 21), "exa": ("E", 18), "peta": ("P", 15), "tera": ("T", 12), "giga": ("G", 9),
    "mega": ("M", 6), "kilo": ("k", 3), "hecto": ("h", 2), "deca": ("da", 1), "deka": ("da", 1), "": ("", 0), "deci": ("d", -1),
    "centi": ("c", -2), "milli": ("m", -3), "micro": ("µ", -6), "nano": ("n", -9), "pico": ("p", -12), "femto": ("f", -15),
    "atto": ("a", -18), "zepto": ("z", -21), "yocto": ("y", -24),
}  # fmt: skip
POWERS = {2: "²", 3: "³"}
"""How areas and volumes are written."""
_INCH = Fraction(254, 10000)
_OTHER_LENGTHS = {
    "angstrom": Fraction(1, 10**10), "ångström": Fraction(1, 10**10), "Å": Fraction(1, 10**10), "A": Fraction(1, 10**10),
    "micron": Fraction(1, 10**6), "micra": Fraction(1, 10**6), "mikron": Fraction(1, 10**6),
    "µ": Fraction(1, 10**6), "inch": _INCH, "inches": _INCH, "in": _INCH, "thou": _INCH / 1000, "mil": _INCH / 1000,
    "line": _INCH / 12, "li": _INCH / 12, "point": _INCH / 72, "pt": _INCH / 72, "foot": 12 * _INCH, "feet": 12 * _INCH,
    "ft": 12 * _INCH, "yard": 36 * _INCH, "yd": 36 * _INCH, "mile": 63360 * _INCH, "mi": 63360 * _INCH,
    "astronomical_unit": Fraction(149597870700), "ua": Fraction(149597870700), "au": Fraction(149597870700),
    "light_year": Fraction(9460730472580800), "ly": Fraction(9460730472580800),
    "parsec": Fraction(30856775814913673), "pc": Fraction(30856775814913673),
}  # fmt: skip
_OTHER_TIMES = {
    "sec": Fraction(1), "msec": Fraction(1, 1000), "usec": Fraction(1, 10**6), "µsec": Fraction(1, 10**6),
    "nsec": Fraction(1, 10**9), "min": Fraction(60), "minute": Fraction(60), "h": Fraction(3600), "hr": Fraction(3600),
    "hour": Fraction(3600), "d": Fraction(86400), "day": Fraction(86400),
}  # fmt: skip


def _with_prefixes(symbol: str, names: tuple[str, ...]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for prefix, (letter, power) in _PREFIXES.items():
        factor = Fraction(10) ** power
        found |= {prefix + name: factor for name in names} | {letter + symbol: factor}
    return found


_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
"""A letter as ImageJ writes those beyond ASCII."""
_LENGTHS = _with_prefixes("m", ("meter", "metre")) | _OTHER_LENGTHS
_TIMES = _with_prefixes("s", ("second",)) | _OTHER_TIMES

SYMBOLS = {"Å": "angstrom", "nm": "nanometer", "µm": "micrometer", "mm": "millimeter", "cm": "centimeter", "m": "meter"}
"""Units that pixel sizes are kept in, by symbol; those in others are converted to micrometres."""
METRES = {name: float(_LENGTHS[name]) for name in SYMBOLS.values()}
"""The length of those units, by name."""
NO_UNIT = {
    "", "pixel", "pixels", "px", "voxel", "voxels", "reference frame", "arbitrary", "none", "null", "undefined", "dimensionless",
}  # fmt: skip
"""What stands in place of a unit where sizes are relative."""


def symbol(unit: str) -> str:
    """Return the symbol of a unit that pixel sizes are kept in; of others, what was given."""
    return next((symbol for symbol, name in SYMBOLS.items() if name == unit), unit)


def metres(unit: str) -> Fraction | None:
    """Return the length of a unit, None if it is not one of length."""
    return _found(unit, _LENGTHS)


def seconds(unit: str) -> Fraction | None:
    """Return the duration of a unit, None if it is not one of time."""
    return _found(unit, _TIMES)


def canonical(unit: str) -> tuple[str, Fraction]:
    """Return the unit that pixel sizes in this one are kept in, one of `METRES` or ``"pixel"``, and how many of it this one is.

    What is no length comes back as it is.
    """
    length = metres(unit)
    if length is None:
        return ("pixel" if is_relative(unit) else unit), Fraction(1)
    name = next((name for name in METRES if _LENGTHS[name] == length), "micrometer")
    return name, length / _LENGTHS[name]


def is_relative(unit: str) -> bool:
    """Tell whether sizes in this unit are only known relative to each other."""
    return _clean(unit).lower() in NO_UNIT


def _found(unit: str, units: dict[str, Fraction]) -> Fraction | None:
    """Look a unit up: first as it is written, as M is mega and m milli; then in lower case, and in the singular."""
    name = _clean(unit)
    singular = name.lower().removesuffix("s") if len(name) > 2 else name
    joined = re.sub("[ -]", "", singular)
    return next((units[spelling] for spelling in (name, name.lower(), singular, joined) if spelling in units), None)


def _clean(unit: str) -> str:
    """Return a unit with one letter for micro, however it was written or damaged on the way."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(unit))
    text = normalize("NFC", unescape(text)).strip()  # a ring apart from its A is the same letter
    if text in ('"', "''", "″"):
        return "inch"
    name = re.sub(r"\s*(/|per)\s*(px|pixels?|voxels?)$", "", " ".join(text.split()).strip("'\"\0.[]()"))
    for sign in ("Âµ", "Î¼", "μ", "\ufffd"):
        name = name.replace(sign, "µ")
    if name in ("mu", "Mu"):
        return "µ"
    if re.fullmatch("(?i)u[ms]|mum", name):
        return f"µ{name[-1].lower()}"
    return re.sub("(?i)^mikro(?=met)", "micro", name)


def area_of_pixel(sizes: Sequence[float], unit: str) -> tuple[float, str]:
    """Return the area (volume) of a pixel of these sizes along its axes, and its unit; 1 and "pixel" where the unit is that."""
    return (1.0, "pixel") if unit == "pixel" else (prod(sizes), f"{unit}{POWERS.get(len(sizes), '')}")
