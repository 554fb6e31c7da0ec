"""JSON schema of recipes, with the parameters of every installed method."""

from __future__ import annotations

from typing import Any

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.core.method import Method
from napari_tweedie.recipe.recipe import Recipe


def schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe with the parameters of every installed method."""
    described = Recipe.model_json_schema()
    for registry in (denoisers.registry, degradations.registry, solvers.registry):
        field = described["properties"][registry.kind]
        kept = {key: field[key] for key in ("default", "description") if key in field}
        described["properties"][registry.kind] = kept | {
            "anyOf": [{"enum": registry.names()}, *(_schema(registry.method(name)) for name in registry.names())]
        }
    return described


def _schema(method: type[Method]) -> dict[str, Any]:
    own = method.model_json_schema()
    properties = {"name": {"const": method.name}} | own.get("properties", {})
    return own | {"properties": properties, "required": ["name", *own.get("required", [])], "title": method.title}
