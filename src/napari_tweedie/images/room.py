"""Room in memory for what a file says it holds, looked at before any of it is unpacked: that can be a thousand times its size."""

from __future__ import annotations


def check_room(size: float) -> None:
    """Refuse to unpack more bytes than the memory has free.

    Raises
    ------
    MemoryError
        With both numbers.
    """
    import psutil

    free = psutil.virtual_memory().available
    if size > free:
        raise MemoryError(f"it holds {size / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free")
