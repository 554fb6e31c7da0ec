"""JSON schema of recipes, with the parameters of every installed method."""

from __future__ import annotations

from typing import Any

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.core.method import Method
from napari_tweedie.recipe.defaults import AUTO, AutoSampler, AutoSolver
from napari_tweedie.recipe.recipe import Recipe


def schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe with the parameters of every installed method."""
    described = Recipe.model_json_schema(ref_template="#/$defs/{model}")
    own = described["$defs"].pop("Recipe")  # which names itself, for steps that come first
    own["properties"]["first"]["items"] = {"$ref": "#"}
    described = own | {"$defs": described["$defs"]}
    for registry in (denoisers.registry, degradations.registry, solvers.registry, samplers.registry):
        field = described["properties"][registry.kind]
        found = registry.all()
        names, methods = list(found), [_schema(method) for method in found.values()]
        if Recipe.model_fields[registry.kind].default in (AutoSolver(), AutoSampler()):
            names, methods = [AUTO, *names], [_AUTO, *methods]
            field["default"] = AUTO
        kept = {key: field[key] for key in ("default", "description") if key in field}
        described["properties"][registry.kind] = kept | {"anyOf": [{"enum": names}, *methods]}
    return described


_AUTO = {"type": "object", "properties": {"name": {"const": AUTO}}, "title": "Automatic"}
"""A method that is chosen later, whose parameters are not known yet."""


def _schema(method: type[Method]) -> dict[str, Any]:
    own = method.model_json_schema()
    properties = {"name": {"const": method.name}} | own.get("properties", {})
    return own | {"properties": properties, "required": ["name", *own.get("required", [])], "title": method.title}
