"""Samples of a pixel: what of an image file is grey, a channel, a colour or transparency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Samples:
    """What the samples of the pixels of a file are.

    Parameters
    ----------
    kind : str
        "grey", "rgb", "cmyk", "lab" or "icc lab" (lightness and two colour differences, with or without a sign), "ycbcr", "cfa"
        (one colour a pixel, as a camera's mosaic has it), or "white is zero" for grey that is stored as its negative.
    alpha : bool
        Whether the last one is transparency.
    bits : int
        Bits of a sample.
    table : ndarray, optional
        Red, green and blue of every grey level, shape (3, levels), of 16 bits.
    """

    kind: str = "grey"
    alpha: bool = False
    bits: int = 8
    table: NDArray[np.uint16] | None = None


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
    if "s" not in axes:
        return _grey(data, axes, samples)
    notes: tuple[str, ...] = ()
    if samples.kind == "white is zero":
        data, notes = _inverted(data, samples.bits)
    at, rest = axes.index("s"), axes.replace("s", "")
    count = data.shape[at]
    last = np.moveaxis(data, at, -1)
    kept = (*notes, *(("Its transparency was left out.",) if samples.alpha else ()))
    if samples.kind == "cmyk" and count >= 4:
        return Image(_light(last, samples.bits), f"{rest}s", (*kept, "Its inks (CMYK) were converted to red, green, blue."))
    if samples.kind in ("lab", "icc lab") and count >= 3 and data.dtype.kind == "u":
        rgb = _of_lab(last, samples.kind == "lab")
        return Image(rgb, f"{rest}s", (*kept, "Its colours (CIELAB) were converted to red, green, blue."))
    if samples.kind == "ycbcr" and count >= 3 and data.dtype.kind == "u":
        return Image(_of_ycbcr(last), f"{rest}s", (*kept, "Its colours (YCbCr) were converted to red, green, blue."))
    if samples.kind in ("rgb", "ycbcr") and count in (3, 4):
        return Image(last, f"{rest}s", notes)
    if samples.alpha and count == 2:
        return Image(last[..., 0], rest, kept)
    return Image(np.moveaxis(data, at, 0), f"{'q' if 'c' in rest else 'c'}{rest}", notes)


def _grey(data: Any, axes: str, samples: Samples) -> Image:
    if samples.kind == "white is zero":
        data, notes = _inverted(data, samples.bits)
        return Image(data, axes, notes)
    if samples.kind == "cfa":
        return Image(data, axes, ("It is a camera's colour mosaic (CFA): pixels beside one another have different colours.",))
    if samples.table is None or data.dtype.kind not in "ub":
        return Image(data, axes)
    table = samples.table[:, : 2**samples.bits].astype(np.int64)
    if (np.diff(table) >= 0).all():
        return Image(data, axes, ("Its colours only show its grey levels (a lookup table): they were left out.",))
    values = (samples.table // 257).astype(np.uint8) if (table % 257 == 0).all() else samples.table
    if (table == table[0]).all():
        return Image(_looked_up(data, values[0]), axes, ("Its grey levels were looked up in its table (palette).",))
    return Image(_looked_up(data, values.T), f"{axes}s", ("Its colours were looked up in its table (palette).",))


def _lazy(data: Any) -> Any:
    """Return an array as it is, one that is mapped from a file as a dask array: it is computed where it is looked at."""
    if isinstance(data, np.memmap):
        import dask.array as da

        return da.from_array(data)
    return data


def _looked_up(data: Any, table: NDArray[Any]) -> Any:
    data, more = _lazy(data), table.shape[1:]
    if hasattr(data, "dask"):
        chunks = data.chunks + tuple((length,) for length in more)
        new = list(range(data.ndim, data.ndim + len(more)))
        return data.map_blocks(lambda block: table[block.astype(np.intp)], dtype=table.dtype, chunks=chunks, new_axis=new)
    if data.dtype.kind == "b" or not isinstance(data, np.ma.MaskedArray):
        return table[np.asarray(data).astype(np.intp)]
    mask = np.ma.getmaskarray(data)
    return np.ma.MaskedArray(table[data.data], np.broadcast_to(mask[..., None], (*mask.shape, 3)) if more else mask)


def _inverted(data: Any, bits: int) -> tuple[Any, tuple[str, ...]]:
    """Return the negative of an image, and what is to be said of it."""
    if data.dtype.kind not in "ub":
        why = "numbers with a sign" if data.dtype.kind == "i" else "floats"
        return data, (f"Zero is white in this file, but {why} have no black to count from: dark may stand for bright.",)
    notes = ("Zero is white in this file: it was inverted.",)
    return (~data if data.dtype.kind == "b" else data.dtype.type(2**bits - 1) - _lazy(data)), notes


def _light(inks: Any, bits: int) -> Any:
    """Return the light that cyan, magenta, yellow and black inks let through: (1 − ink)(1 − black)."""
    whole = 2**bits - 1 if inks.dtype.kind == "u" else 1
    inks = _lazy(inks)
    black = 1 - inks[..., 3:4] / whole
    light = (1 - inks[..., :3] / whole) * black * whole
    return (np.rint(light) if inks.dtype.kind == "u" else light).astype(inks.dtype)


def _of_lab(stored: Any, signed: bool) -> NDArray[Any]:
    """Return red, green, blue of lightness and colour differences, stored as TIFF says, in as many bits."""
    from skimage.color import lab2rgb

    stored = np.ma.getdata(stored)[..., :3]
    whole, step = np.iinfo(stored.dtype).max, 2.0 ** (stored.dtype.itemsize * 8 - 8)
    both = stored[..., 1:].view(stored.dtype.str.replace("u", "i")) if signed else stored[..., 1:] - 128.0 * step
    top = whole if signed or step == 1 else 255.0 * step
    light = lab2rgb(np.concatenate([stored[..., :1] * (100.0 / top), both / step], axis=-1))
    return np.rint(np.clip(light, 0, 1) * whole).astype(stored.dtype)


def _of_ycbcr(stored: Any) -> Any:
    """Return red, green, blue of luminance and two colour differences (ITU-R BT.601, all grey levels used)."""
    whole = np.iinfo(stored.dtype).max
    stored = _lazy(stored)
    y, blue, red = (stored[..., n].astype(np.float64) for n in range(3))
    blue, red = blue - (whole + 1) / 2, red - (whole + 1) / 2
    light = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], axis=-1)
    return np.rint(np.clip(light, 0, whole)).astype(stored.dtype)
