"""Folder of the networks that learnt from the user's own images."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SUFFIX = ".safetensors"
VARIABLE = "NAPARI_TWEEDIE_NETWORKS"
"""Environment variable that names another folder."""


def folder() -> Path:
    """Return where networks that were learnt are written, if the user says nothing else: with the data of the user's programs."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    if sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        place = Path.home() / "Library" / "Application Support"
    else:
        place = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return place / "napari-tweedie"


def own_denoisers() -> list[Path]:
    """Return those networks there that are denoisers, or restore: not those that sample."""
    from napari_tweedie.denoisers.network import learning_of

    return [path for path in own_networks() if not learning_of(path).get("samples")]


def own_networks() -> list[Path]:
    """Return the networks there, the latest first."""
    return sorted(folder().glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
