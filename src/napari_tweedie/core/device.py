"""Devices: where the work runs, in which precision, and how much memory there is."""

from __future__ import annotations

import ctypes
import functools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import device as Device
    from torch import dtype as DType


SHORT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "bad allocation")
"""What torch says where memory is short: on CUDA, on Windows, on Linux, and in its C++ library."""


def names() -> list[str]:
    """Return the devices of this machine, the best one first."""
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def pick(name: str = "auto") -> Device:
    """Return the device called `name`; ``"auto"`` is the best one of this machine.

    Raises
    ------
    ValueError
        If this machine has no such device.
    """
    if name == "auto":
        return torch.device(names()[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in names():
        raise ValueError(f"device {name!r} is not on this machine; there are: auto, {', '.join(names())}")
    return torch.device(wanted)


def free_memory(device: Device) -> int:
    """Return the free memory of `device` in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    import psutil

    return int(psutil.virtual_memory().available)


@functools.cache
def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next layer of a network instead of giving it back to the system.

    By default glibc returns every block above 32 MB at once, and faulting it in again took a quarter of the CPU time of a
    1024 × 1024 denoising. Blocks above 48 MB, the features of a whole tile, are still returned: between the smaller ones they
    would leave holes as large as themselves. `release` gives back the rest when the work is done. Elsewhere than on Linux
    nothing is done.
    """
    if libc := _glibc():
        trim_threshold, mmap_threshold = -1, -3  # names in malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
        libc.mallopt(mmap_threshold, 3 * 2**24)
        libc.mallopt(trim_threshold, 2**31 - 1)


def _glibc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libc.so.6") if sys.platform == "linux" else None
    except OSError:
        return None


def release(device: Device) -> None:
    """Give cached memory of `device` back to the system.

    Python's garbage is left to Python: collecting it here, in a worker's thread, would destroy Qt objects there.
    """
    if libc := _glibc():
        libc.malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


class OutOfMemory(MemoryError):  # noqa: N818 - reads like MemoryError
    """Memory that does not suffice, told in a sentence."""


@contextmanager
def shortage_told() -> Iterator[None]:
    """Turn what a library says where memory is short into a sentence with a way out.

    Raises
    ------
    OutOfMemory
        In place of the library's error.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, OutOfMemory) or not is_out_of_memory(error):
            raise
        way_out = "close other programs, crop the image, or write the result as OME-Zarr, which is done region by region"
        raise OutOfMemory(f"the memory does not suffice for this image: {way_out}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` means that a device's memory is exhausted."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in SHORT_OF_MEMORY)


@functools.cache
def fastest_precision(device: Device) -> DType:
    """Return bfloat16 where convolutions are measured to run at least 1.3 times as fast in it as in float32."""
    layer = torch.nn.Conv2d(64, 64, 3, padding=1, bias=False, device=device).to(memory_format=torch.channels_last)
    image = torch.randn(1, 64, 128, 128, device=device).contiguous(memory_format=torch.channels_last)

    def seconds(precision: DType) -> float:
        layer.to(precision)
        x = image.to(precision)
        times = []
        with torch.no_grad():
            for _ in range(4):
                start = time.perf_counter()
                float(layer(x)[0, 0, 0, 0])  # waits for the device
                times.append(time.perf_counter() - start)
        return min(times)

    try:
        return torch.bfloat16 if 1.3 * seconds(torch.bfloat16) < seconds(torch.float32) else torch.float32
    except RuntimeError:  # a device without bfloat16
        return torch.float32
