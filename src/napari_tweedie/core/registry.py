"""Registries of methods, bundled and third-party alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from napari_tweedie.core.method import Method

M = TypeVar("M", bound=Method)


class Registry(Generic[M]):
    """The methods of one kind, bundled and third-party alike, found by their entry points.

    Parameters
    ----------
    group : str
        Entry-point group, for example ``napari_tweedie.solvers``.
    """

    def __init__(self, group: str) -> None:
        self.group = group
        self.kind = group.rpartition(".")[2].removesuffix("s")

    def names(self) -> list[str]:
        """Return the names of all installed methods of this kind, in alphabetical order."""
        return sorted(entry.name for entry in entry_points(group=self.group))

    def method(self, name: str) -> type[M]:
        """Return the class of a method.

        Raises
        ------
        ValueError
            If no installed method has this name.
        """
        found = entry_points(group=self.group, name=name)
        if not found:
            raise ValueError(f"no {self.kind} is called {name!r}; there are: {', '.join(self.names())}")
        cls: type[M] = next(iter(found)).load()
        return cls

    def load(self, name: str, **parameters: Any) -> M:
        """Build a method from its name and parameters.

        Raises
        ------
        ValueError
            If the name is unknown or a parameter is out of range.
        """
        return self.method(name)(**parameters)

    def build(self, value: Any) -> Any:
        """Build a method from an instance, a name, or what `Method.describe` returned."""
        if isinstance(value, str):
            return self.load(value)
        if isinstance(value, dict):
            parameters = dict(value)
            return self.load(parameters.pop("name", ""), **parameters)
        return value


class Bundle(Registry[M]):
    """Methods of a kind that third parties do not extend.

    Parameters
    ----------
    kind : str
        What they are.
    methods : sequence of type
        Their classes.
    """

    def __init__(self, kind: str, methods: Sequence[type[M]]) -> None:
        self.kind = kind
        self.methods = {method.name: method for method in methods}

    def names(self) -> list[str]:
        return list(self.methods)

    def method(self, name: str) -> type[M]:
        if name not in self.methods:
            raise ValueError(f"no {self.kind} is called {name!r}; there are: {', '.join(self.methods)}")
        return self.methods[name]


def chosen_from(build: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return the annotations of a field that is a method: it takes what `build` takes, and is stored as its description."""
    return (
        BeforeValidator(build),
        PlainSerializer(Method.describe, return_type=dict[str, Any]),
        WithJsonSchema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
    )
