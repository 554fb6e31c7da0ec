"""Registries of methods, bundled and third-party alike."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any, Generic, TypeVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from napari_tweedie.core.method import Method

M = TypeVar("M", bound=Method)

log = logging.getLogger(__name__)

OWN = "napari_tweedie."
"""How the modules of bundled methods begin: nobody else's method takes the name of one."""


@functools.cache
def _all_entry_points() -> Any:
    """Read what every installed package offers, once: that takes as long as there are packages."""
    return metadata.entry_points()


@functools.cache
def entry_points(group: str) -> EntryPoints:
    """Return the entry points of a group; packages that are installed later are seen by the next program."""
    found: EntryPoints = _all_entry_points().select(group=group)
    return found


class Registry(Generic[M]):
    """The methods of one kind, bundled and third-party alike, found by their entry points.

    One that cannot be used, because its module fails to import for instance, is left out and named once in the log; the others
    work. `unusable` says which and why.

    Parameters
    ----------
    group : str
        Entry-point group, for example ``napari_tweedie.solvers``.
    base : type
        What every method of this kind is.
    """

    def __init__(self, group: str, base: type[M]) -> None:
        self.group = group
        self.kind = group.rpartition(".")[2].removesuffix("s")
        self.base = base
        self._told: dict[tuple[str, str], str] = {}

    def all(self) -> dict[str, type[M]]:
        """Return the classes of all methods that can be used, by name, in alphabetical order."""
        found = {name: self._loaded(entry) for name, entry in self._entries().items()}
        return {name: cls for name, cls in found.items() if cls is not None}

    def names(self) -> list[str]:
        """Return the names of all methods that can be used, in alphabetical order."""
        return list(self.all())

    def unusable(self) -> dict[str, str]:
        """Return why installed methods of this kind cannot be used, a sentence each by name."""
        self.all()
        return {entry.name: self._told[key] for entry in self._installed() if (key := (entry.name, entry.value)) in self._told}

    def method(self, name: str) -> type[M]:
        """Return the class of a method; no other is imported.

        Raises
        ------
        ValueError
            If no installed method has this name, or the one that has it cannot be used.
        """
        entry = self._entries().get(name)
        if entry is None:
            raise ValueError(unknown(self.kind, name, self.names()))
        cls = self._loaded(entry)
        if cls is None:
            raise ValueError(self._told[entry.name, entry.value])
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
            name = parameters.pop("name", "")
            if not isinstance(name, str) or not all(isinstance(key, str) for key in parameters):
                raise ValueError(f"a {self.kind} is described by its name, a word, and its parameters (got {name!r})")
            return self.load(name, **parameters)
        return value

    def accepted(self, name: str, found: Any) -> type[M]:
        """Return the class of methods that an entry point stands for.

        Raises
        ------
        TypeError
            If it stands for none; the message says what is wrong.
        """
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise TypeError(f"it is no subclass of {self.base.__name__} (got {getattr(found, '__name__', found)!r})")
        if getattr(found, "name", None) != name or not hasattr(found, "title"):
            raise TypeError(f"its class must say name = {name!r}, as its entry point does, and a title")
        return found

    def _installed(self) -> list[EntryPoint]:
        """Return the entry points of the group, those of bundled methods first."""
        return sorted(entry_points(group=self.group), key=lambda entry: (not entry.value.startswith(OWN), entry.value))

    def _entries(self) -> dict[str, EntryPoint]:
        """Return the entry point that each name stands for, in alphabetical order."""
        entries: dict[str, EntryPoint] = {}
        for entry in self._installed():
            first = entries.setdefault(entry.name, entry)
            if first.value != entry.value:
                self._tell(entry, f"the name is taken by {first.value}")
        return dict(sorted(entries.items()))

    def _loaded(self, entry: EntryPoint) -> type[M] | None:
        if (entry.name, entry.value) in self._told:
            return None
        try:
            return self.accepted(entry.name, entry.load())
        except Exception as error:  # whatever a module of others raises while it is imported
            self._tell(entry, str(error) if isinstance(error, TypeError) else f"{type(error).__name__}: {error}")
            return None

    def _tell(self, entry: EntryPoint, reason: str) -> None:
        if (entry.name, entry.value) not in self._told:
            owner = f" of the package {entry.dist.name!r}" if entry.dist else ""
            self._told[entry.name, entry.value] = f"the {self.kind} {entry.name!r}{owner} cannot be used: {reason}"
            log.warning("%s", self._told[entry.name, entry.value])


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

    def all(self) -> dict[str, type[M]]:
        return dict(self.methods)

    def unusable(self) -> dict[str, str]:
        return {}

    def method(self, name: str) -> type[M]:
        if name not in self.methods:
            raise ValueError(unknown(self.kind, name, self.methods))
        return self.methods[name]


def unknown(kind: str, name: str, names: Iterable[str]) -> str:
    """Say that nothing of a kind has this name, what there is, and which name is meant if one is near."""
    there = list(names)
    near = get_close_matches(name, there, 1, cutoff=0.5)
    return f"no {kind} is called {name!r}; there are: {', '.join(there)}" + (f"; did you mean {near[0]!r}?" if near else "")


def chosen_from(build: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return the annotations of a field that is a method: it takes what `build` takes, and is stored as its description."""
    return (
        BeforeValidator(build),
        PlainSerializer(Method.describe, return_type=dict[str, Any]),
        WithJsonSchema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
    )
