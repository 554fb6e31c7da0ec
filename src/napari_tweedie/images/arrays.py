"""Arrays of every common kind, as arrays whose parts NumPy can read; what is none is refused in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.images.missing import plain

LARGEST = 1e37
"""Grey levels beyond, a tenth of what float32 holds, would overflow on the way."""


def as_array(values: Any, what: str = "image", complex_numbers: bool = False) -> Any:
    """Return something with shape, dtype and indexing, whose parts `fetched` reads; nothing is copied that need not be.

    Parameters
    ----------
    values : array-like
        A NumPy, dask, zarr, xarray, CuPy or SciPy sparse array, a torch tensor on any device, a memory map, or nested lists.
    what : str
        What it is, for the message.
    complex_numbers : bool
        Whether they mean something here.

    Raises
    ------
    ValueError
        If it is no array of numbers of a known shape.
    """
    library = type(values).__module__.partition(".")[0]
    if isinstance(values, type):
        raise ValueError(f"the {what} is the type {values.__name__}, not an array: give its values")
    if library == "torch" and hasattr(values, "detach"):
        values = _of_tensor(values, what)
    elif library == "xarray" and hasattr(values, "data"):
        values = values.data
    elif library == "cupy":
        values = values.get()
    elif library == "scipy" and hasattr(values, "toarray"):
        values = values.toarray()
    if isinstance(values, np.matrix) or not all(hasattr(values, name) for name in ("shape", "dtype", "__getitem__")):
        values = _of_list(values, what)
    if any(not isinstance(length, int | np.integer) for length in values.shape):
        raise ValueError(f"the {what} is a lazy array of unknown shape {tuple(values.shape)}: compute its chunk sizes first")
    dtype = _dtype(values, what)
    if dtype.kind == "c" and not complex_numbers:
        raise ValueError(
            f"the {what} holds complex numbers ({dtype}): take the magnitude, or lay real and imaginary parts along a first axis"
        )
    if dtype.kind not in "buifc":
        kind = f"a structured type ({', '.join(dtype.names)})" if dtype.names else f"type {dtype}"
        raise ValueError(f"the {what} is of {kind}, not numbers: convert it to integers or floats")
    return values


def fetched(array: Any, selection: Any = ...) -> NDArray[Any]:
    """Return a part of what `as_array` returned, masked pixels as NaN; half precision, in which sums overflow, as single.

    Raises
    ------
    OSError
        If it cannot be read: a damaged chunk, a file that is gone, a lazy computation that failed.
    """
    if isinstance(array, np.ndarray):
        return _summable(plain(array[selection]))
    try:
        values = _summable(plain(array[selection]))
    except (MemoryError, OSError):
        raise
    except Exception as error:  # codecs and lazy computations raise whatever they stumble over
        reason = reason_of(error)
        raise OSError(f"a part of the image cannot be read: {reason}") from error
    promised = np.dtype(getattr(array, "dtype", values.dtype))
    kinds = "buifc" if promised.kind == "c" else "buif"
    shape = np.broadcast_to(np.int8(0), tuple(array.shape))[selection].shape
    if values.shape != shape or values.dtype.kind not in kinds:  # a computation that is not what it was said to be
        raise OSError(
            f"a part of the image is not what was promised: {values.dtype} of shape {values.shape}, not {promised} of "
            f"shape {shape}"
        )
    return values


def reason_of(error: Exception) -> str:
    """Return what an error of a library says in its first line, or else its name."""
    return str(error).partition("\n")[0] or type(error).__name__


def is_wide(dtype: np.dtype[Any]) -> bool:
    """Tell whether a type holds more digits than float32."""
    return dtype.itemsize > (2 if dtype.kind in "iu" else 4)


def _summable(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float32) if values.dtype == np.float16 else values


def check_representable(low: float, high: float) -> None:
    """Refuse grey levels that overflow on the way, or that no floating-point number tells apart.

    Raises
    ------
    ValueError
        If it does not; the message says what to do.
    """
    largest = max(abs(low), abs(high))
    if largest > LARGEST:
        raise ValueError(
            f"the image holds grey levels up to {largest:.3g}, results at most {LARGEST:.0e}: "
            "divide it first, or replace such pixels by NaN where they mark a gap"
        )
    if 0 < high - low < max(2**10 * float(np.spacing(largest)), 1 / LARGEST):
        raise ValueError(
            f"the grey levels of the image, {low:.9g} to {high:.9g}, differ by less than numbers tell apart: "
            "subtract their mean, or multiply them, first"
        )


def _of_tensor(tensor: Any, what: str) -> NDArray[Any]:
    if tensor.is_meta:
        raise ValueError(f"the {what} is a tensor on the device meta, which has no values: compute it first")
    if tensor.is_nested:
        raise ValueError(f"the {what} is a nested tensor, whose parts have different shapes: give one of them")
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    elif not str(tensor.layout).endswith("strided"):  # several layouts of sparse ones
        tensor = tensor.to_dense()
    tensor = tensor.resolve_conj().resolve_neg().cpu()
    try:
        values: NDArray[Any] = tensor.numpy()
    except TypeError:  # NumPy has no bfloat16
        values = tensor.float().numpy()
    return values


def _of_list(values: Any, what: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"the {what} is no array: its rows have different lengths, or it holds what is no number ({type(values).__name__})"
        ) from error


def _dtype(values: Any, what: str) -> np.dtype[Any]:
    try:
        return np.dtype(values.dtype)
    except TypeError:
        raise ValueError(f"the {what} is of type {values.dtype}, which NumPy does not know: convert it to floats") from None
