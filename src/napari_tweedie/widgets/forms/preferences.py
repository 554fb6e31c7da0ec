"""Preferences that the user has set in napari."""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-tweedie"


def defaults() -> dict[str, Any]:
    """Return the fields of a recipe that the preferences decide; empty where napari has no plugin settings."""
    try:
        from napari.settings import get_plugin_settings

        compute = get_plugin_settings(PLUGIN).compute
    except (ImportError, KeyError, AttributeError):  # napari before 0.9, or a manifest that was not found
        return {}
    return {"device": compute.device, "tile": compute.tile}
