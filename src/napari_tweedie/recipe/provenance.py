"""Provenance of a result: the recipe stored in it, and whether a replay is the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from napari_tweedie.images.files import read
from napari_tweedie.recipe.recipe import SMALLEST_TILE, Recipe


def differences(provenance: Mapping[str, Any], recipe: Recipe) -> list[str]:
    """Return why running `recipe` may give other pixels than the result with this provenance, a sentence each.

    Parameters
    ----------
    provenance : mapping
        What a result holds in its metadata.
    recipe : Recipe
        Its recipe, with the arrays that go with it filled in.
    """
    if recipe.first:
        each = zip(provenance.get("steps", []), recipe.steps, strict=False)
        return list(dict.fromkeys(why for stored, step in each for why in differences(stored, step)))
    found = []
    made, installed = provenance.get("version"), version("napari-tweedie")
    if made is not None and made != installed:
        found.append(f"The result was made by version {made}, this is {installed}: pixels may differ.")
    weights = {key: value for key, value in provenance.get("denoiser", {}).items() if key.startswith("weights")}
    if weights:
        from napari_tweedie.core.device import pick

        installed_weights = recipe.denoiser.provenance(pick("cpu"))
        if any(installed_weights.get(key) != value for key, value in weights.items()):
            found.append(f"The denoiser {recipe.denoiser.name!r} has other weights than when the result was made.")
    parts = [provenance.get("recipe", {}).get(part, {}) for part in ("degradation", "noise")]
    stored = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
    for name, array in {**recipe.degradation.arrays(), **recipe.noise.arrays()}.items():
        before = stored[name].get("sha256") if isinstance(stored.get(name), dict) else None
        if before and array.sha256 and array.sha256 != before:
            found.append(f"The array {name!r} is not the one that the result was made with.")
    return found


def stored_recipe(path: Path) -> dict[str, Any]:
    """Return the provenance in the metadata of a result, or a recipe in a JSON file as one; a list of them is one of steps.

    Raises
    ------
    ValueError
        If there is none.
    """
    stored = {"recipe": as_one(_of_json(path))} if path.suffix == ".json" else read(path).metadata
    if not isinstance(stored, dict) or not isinstance(stored.get("recipe"), dict):
        raise ValueError(f"{path} holds no recipe: it was not written by napari-tweedie")
    return stored | {"recipe": recipe_in(stored)}


def recipe_in(made: Mapping[str, Any]) -> Any:
    """Return the recipe in provenance so that it gives the same pixels: what older ones left to the memory is filled in."""
    recipe = _pinned(made["recipe"], made)
    if isinstance(recipe, dict) and isinstance(first := recipe.get("first"), list):
        steps = made.get("steps")
        each = steps if isinstance(steps, list) and len(steps) > len(first) else [None] * len(first)
        return recipe | {"first": list(map(_pinned, first, each))}
    return recipe


def _pinned(recipe: Any, made: Any) -> Any:
    """Return a stored recipe with the side of the tiles that its run chose, and with planes averaged if it knew nothing else."""
    if not (isinstance(recipe, dict) and isinstance(made, dict)):
        return recipe
    pinned: dict[str, Any] = {}
    tile, weights = made.get("tile"), made.get("denoiser")
    if not recipe.get("tile") and isinstance(tile, int) and tile >= SMALLEST_TILE:
        pinned["tile"] = tile
    if recipe.get("neighbours") in ("t", "z") and "fusion" not in recipe and isinstance(weights, dict):
        pinned["fusion"] = "averaged"
    return recipe | pinned


def as_one(stored: Any) -> Any:
    """Return a stored recipe, or a list of them as that of several steps."""
    if isinstance(stored, list) and stored and all(isinstance(step, dict) for step in stored):
        more = stored[-1].get("first") or []
        return {**stored[-1], "first": [*stored[:-1], *more] if isinstance(more, list) else more}
    return stored


def _of_json(path: Path) -> Any:
    """Return what a JSON file holds, None if it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (ValueError, RecursionError):
        return None
