"""Preferences that the user has set in napari."""

from __future__ import annotations

import sys
from typing import Any

PLUGIN = "napari-tweedie"


def are_known() -> bool:
    """Tell whether `defaults` returns at once; the first time napari reads the manifests of all plugins, which takes a second."""
    return bool(getattr(sys.modules.get("napari.settings"), "_PLUGIN_SETTINGS", True))


def defaults() -> dict[str, Any]:
    """Return the fields of a recipe that the preferences decide; empty where napari has no plugin settings."""
    try:
        from napari.settings import get_plugin_settings

        compute = get_plugin_settings(PLUGIN).compute
    except (ImportError, KeyError, AttributeError):  # napari before 0.9, or a manifest that was not found
        return {}
    return {"device": compute.device, "tile": compute.tile}


def known_defaults() -> dict[str, Any]:
    """Return `defaults` if they are known; nothing, rather than hold up the window, if they are not."""
    return defaults() if are_known() else {}
