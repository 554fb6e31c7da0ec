"""Folder of the user's own, adapted networks."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QStandardPaths

SUFFIX = ".safetensors"


def folder() -> Path:
    """Return where networks that were adapted are written, if the user says nothing else."""
    place = QStandardPaths.StandardLocation.GenericDataLocation
    return Path(QStandardPaths.writableLocation(place)) / "napari-tweedie"


def own_networks() -> list[Path]:
    """Return the networks there, the latest first."""
    return sorted(folder().glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
