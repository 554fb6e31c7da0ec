"""Export of a recipe as Python or as a command line."""

from __future__ import annotations

import json
import shlex
from pprint import pformat
from typing import Any

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.method import Method
from napari_tweedie.recipe.recipe import Recipe

PARTS = ("denoiser", "degradation", "noise", "solver")
"""Fields whose own fields the command line sets one by one."""
COMMANDS = ("denoise", "restore", "sample", "decompose", "degrade")
"""Jobs that the command line does on a file and writes to another."""
ARRAYS = {"psf": "psf", "mask": "mask", "maps": "camera"}
"""Options of arrays that have one of their own; others are given by --array."""
_SCRIPT = """from pathlib import Path

from napari_tweedie.images.files import read
from napari_tweedie.recipe import Recipe
from napari_tweedie.files.run_to_file import run_to_file

recipe = Recipe.model_validate({recipe})
for progress in run_to_file({arguments}):
    print(progress.stage)
"""


def as_python(recipe: Recipe, image: str = "image.tif", result: str = "result.tif") -> str:
    """Return a script that runs a recipe on a file; its arrays are read from files of their names."""
    arrays = [f"{name}=read({_file(name, array)!r}).data" for name, array in _named(recipe).items()]
    arguments = ", ".join(["recipe", f"Path({image!r})", f"Path({result!r})", *arrays])
    return _SCRIPT.format(recipe=pformat(essentials(recipe), sort_dicts=False, width=120), arguments=arguments)


def as_command_line(recipe: Recipe, image: str = "image.tif", result: str = "result.tif") -> str:
    """Return the command that runs a recipe on a file; its arrays are read from files of their names.

    Raises
    ------
    ValueError
        If the command line has no such job, or does not take one of the arrays.
    """
    if recipe.first:
        raise ValueError("the command line takes several steps from a file: save the recipe, then napari-tweedie run FILE")
    unknown = [f"the job {recipe.job!r}"] if recipe.job not in COMMANDS else []
    unknown += [
        f"the array {name!r}" for name in _named(recipe) if name not in {**recipe.degradation.arrays(), **recipe.noise.arrays()}
    ]
    if unknown:
        raise ValueError(f"the command line does not take {' and '.join(unknown)}: pass the recipe on as Python")
    words = ["napari-tweedie", recipe.job, image, result]
    for name, array in _named(recipe).items():
        words += [f"--{ARRAYS[name]}", _file(name, array)] if name in ARRAYS else ["--array", f"{name}={_file(name, array)}"]
    said = essentials(recipe)
    for field, value in said.items():
        if field in PARTS:
            words += _set(f"{field}.name" if field == "noise" else field, value["name"])
            own = [key for key in value if key != "name" and key not in recipe.arrays()]
            words += [word for key in own for word in _set(f"{field}.{key}", value[key])]
        elif field != "job":
            words += _set(field, value)
    return shlex.join(words)


def _named(recipe: Recipe) -> dict[str, Input]:
    """Return the arrays that a recipe takes."""
    return {name: array for name, array in recipe.arrays().items() if array.name or array.array is not None}


def _set(path: str, value: Any) -> list[str]:
    return ["--set", f"{path}={value if isinstance(value, str) else json.dumps(value)}"]


def _file(name: str, array: Input) -> str:
    return array.name if "." in array.name else f"{array.name or name}.tif"


def essentials(recipe: Recipe) -> dict[str, Any]:
    """Return what a recipe says beyond the defaults, ready for JSON; of its arrays, name and hash."""
    default, found = Recipe(), {}
    for field, value in recipe:
        if value != getattr(default, field):
            dumped = recipe.model_dump(mode="json", include={field})[field]
            found[field] = _parameters(value) if isinstance(value, Method) and field in PARTS else dumped
    return found


def _parameters(method: Method) -> dict[str, Any]:
    """Return the name of a method, and the parameters that are not at their defaults."""
    fields = type(method).model_fields
    said = method.describe().items()
    return {key: value for key, value in said if key == "name" or getattr(method, key) != fields[key].default}
