"""Samples of a pixel: what of an image file is grey, a channel, a colour or transparency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Samples:
    """What the samples of the pixels of a file are.

    Parameters
    ----------
    kind : str
        "grey", "rgb", "cmyk", or "white is zero" for grey that is stored as its negative.
    alpha : bool
        Whether the last one is transparency.
    bits : int
        Bits of a sample.
    """

    kind: str = "grey"
    alpha: bool = False
    bits: int = 8


@dataclass(frozen=True)
class Image:
    """An array with axes in our letters, samples last where they are colour and channels first otherwise; notes."""

    data: Any
    axes: str
    notes: tuple[str, ...] = ()


def grey_or_colour(data: Any, axes: str, samples: Samples) -> Image:
    """Return an image as light: more of it is brighter, colour is red, green, blue (and transparency), grey has no samples.

    Parameters
    ----------
    data : array-like
        As the file stores it.
    axes : str
        Letters of the file, upper or lower case; s: the samples of a pixel; those that are none of `ROLES` become q.
    samples : Samples
        What the samples are.
    """
    axes = "".join(axis if axis in "tczyxs" else "q" for axis in axes.lower())
    notes: tuple[str, ...] = ()
    if samples.kind == "white is zero" and data.dtype.kind in "ub":
        data, notes = _inverted(data, samples.bits), ("Zero is white in this file: it was inverted.",)
    if "s" not in axes:
        return Image(data, axes, notes)
    at, rest = axes.index("s"), axes.replace("s", "")
    count = data.shape[at]
    last = np.moveaxis(data, at, -1)
    if samples.kind == "cmyk" and count >= 4:
        return Image(_rgb(last, samples.bits), f"{rest}s", ("Its inks (CMYK) were converted to red, green, blue.",))
    if samples.kind == "rgb" and count in (3, 4):
        return Image(last, f"{rest}s", notes)
    if samples.alpha and count == 2:
        return Image(last[..., 0], rest, (*notes, "Its transparency was left out."))
    return Image(np.moveaxis(data, at, 0), f"{'q' if 'c' in rest else 'c'}{rest}", notes)


def _inverted(data: Any, bits: int) -> Any:
    if data.dtype.kind == "b":
        return ~data
    whole = data.dtype.type(2**bits - 1)
    if isinstance(data, np.memmap):
        import dask.array as da

        return whole - da.from_array(data)
    return whole - data


def _rgb(inks: Any, bits: int) -> Any:
    """Return the light that cyan, magenta, yellow and black inks let through: (1 − ink)(1 − black)."""
    whole = 2**bits - 1 if inks.dtype.kind == "u" else 1
    black = 1 - inks[..., 3:4] / whole
    light = (1 - inks[..., :3] / whole) * black * whole
    return (np.rint(light) if inks.dtype.kind == "u" else light).astype(inks.dtype)
