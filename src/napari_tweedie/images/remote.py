"""Addresses of images that lie elsewhere: on a web server, in an object store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)", re.DOTALL)
EXTRA = "pip install 'napari-tweedie[remote]'"


def address(path: Path) -> str:
    """Return the address that a path stands for, such as ``s3://bucket/image.zarr``; empty for a file of this computer.

    A path has lost one of the two slashes; a letter of a drive is no protocol.
    """
    match = _ADDRESS.fullmatch(path.as_posix())
    return f"{match[1].lower()}://{match[2]}" if match else ""


def opened(path: Path) -> Any:
    """Return the zarr group or array at a path or an address, for reading; public stores need no credentials.

    Raises
    ------
    ValueError
        If nothing is there, it cannot be reached, or the packages for its protocol are not installed.
    """
    import zarr

    if not (url := address(path)):
        return zarr.open(path, mode="r")
    anonymous = {"anon": True} if url.startswith("s3://") else {"token": "anon"} if url.startswith(("gs://", "gcs://")) else None
    try:
        return zarr.open(url, mode="r", storage_options=anonymous)
    except ImportError as error:
        raise ValueError(f"{url.partition(':')[0]} needs more packages: {EXTRA} ({error})") from error
