"""Last settings of every dock, for each kind of layer, kept from one session to the next in the folder of napari's settings."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.settings import get_settings

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.method import Method
from napari_tweedie.images.whole import whole

if TYPE_CHECKING:
    from napari_tweedie.recipe.recipe import Recipe

FOLDER, FILE = "napari-tweedie", "last-settings.json"
KEPT = (
    "denoiser", "degradation", "solver", "sampler", "strength", "outliers", "volume", "neighbours", "interval", "probes",
    "decomposition", "inspection", "tile",
)  # fmt: skip
"""Fields of a recipe that are the user's taste; noise, axes and sizes are the layer's, and arrays and files are nobody's else."""
LEVEL = "level"
"""What is kept of an interval: how it was corrected holds for the images that it was calibrated on."""


def place() -> Path | None:
    """Return the file; none where napari keeps no settings either."""
    config = get_settings().config_path
    return None if config is None else Path(config).parent / FOLDER / FILE


def taste(recipe: Recipe) -> dict[str, Any]:
    """Return what is kept of a recipe, ready for JSON; methods that take arrays or files are left out."""
    told = recipe.model_dump(mode="json", include=set(KEPT))
    told["interval"] = {LEVEL: recipe.interval.level}
    return {field: value for field, value in told.items() if not _is_bound(getattr(recipe, field))}


def recall(job: str, kind: str) -> dict[str, Any]:
    """Return what was kept of a job on a kind of layer; nothing, if nothing was or the file is broken."""
    found = _read().get(job, {})
    found = found.get(kind, {}) if isinstance(found, dict) else {}
    return {field: value for field, value in found.items() if field in KEPT} if isinstance(found, dict) else {}


def keep(job: str, kind: str, values: dict[str, Any]) -> None:
    """Keep values for a job on a kind of layer; none: forget those that were kept. What cannot be written is not kept."""
    path, all_ = place(), _read()
    if path is None:
        return
    kinds = all_.get(job) if isinstance(all_.get(job), dict) else {}
    changed = {key: value for key, value in (kinds or {}).items() if key != kind} | ({kind: values} if values else {})
    if changed == kinds:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as part:
            part.write_text(json.dumps(all_ | {job: changed}, indent=1), encoding="utf-8")


def _read() -> dict[str, Any]:
    path = place()
    with suppress(OSError, ValueError, RecursionError):  # a file that is not there, or none of ours
        found = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
        return found if isinstance(found, dict) else {}
    return {}


def _is_bound(value: Any) -> bool:
    """Tell whether a method takes an array or a file, which the next layer will not have."""
    if isinstance(value, Method):
        return any(_is_bound(part) for _, part in value)
    if isinstance(value, tuple | list):
        return any(map(_is_bound, value))
    return isinstance(value, Input | Path)
