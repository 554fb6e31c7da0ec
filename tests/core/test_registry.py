"""Methods of others: what can be used is, and what cannot is named once, with the reason, and left out."""

import logging
import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.cli import app
from napari_tweedie.core import registry
from napari_tweedie.recipe.schema import schema

SOLVERS = "napari_tweedie.solvers"


class Halving(solvers.Solver):
    """A solver of others."""

    name: ClassVar[str] = "halving"
    title: ClassVar[str] = "Halving"


class Misnamed(solvers.Solver):
    """A solver whose class has another name than its entry point."""

    name: ClassVar[str] = "other"
    title: ClassVar[str] = "Other"


def install(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    """Install entry points of others; the module ``third_party`` holds the classes of this file."""
    module = ModuleType("third_party")
    vars(module).update({name: value for name, value in globals().items() if name[0].isupper()})
    monkeypatch.setitem(sys.modules, "third_party", module)
    found = registry.entry_points

    def with_theirs(**selection: Any) -> EntryPoints:
        return EntryPoints([*found(**selection), *EntryPoints(entries).select(**selection)])

    monkeypatch.setattr(registry, "entry_points", with_theirs)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_package:Solver", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("third_party:Absent", "AttributeError"),
        ("third_party:SOLVERS", "no subclass of Solver"),
        ("third_party:Misnamed", "must say name = 'theirs'"),
        ("napari_tweedie.degradations.mask:Mask", "no subclass of Solver"),
    ],
)
def test_one_that_cannot_be_used_is_named_once_and_the_rest_works(
    value: str, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bundled = solvers.names()
    install(monkeypatch, EntryPoint("theirs", value, SOLVERS))
    fresh = registry.Registry(SOLVERS, solvers.Solver)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert fresh.names() == bundled
            assert fresh.load("hqs").name == "hqs"
    (record,) = caplog.records
    assert record.getMessage().startswith("the solver 'theirs' cannot be used: ")
    assert reason in record.getMessage()
    assert fresh.unusable() == {"theirs": record.getMessage()}
    with pytest.raises(ValueError, match="the solver 'theirs' cannot be used"):
        fresh.load("theirs")


def test_list_and_schema_live_with_it_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("halving", "third_party:Halving", SOLVERS), EntryPoint("gone", "gone:Gone", SOLVERS))
    listed = CliRunner().invoke(app, ["list"])
    assert listed.exit_code == 0
    text = " ".join(listed.output.split())
    assert "the solver 'gone' cannot be used: ModuleNotFoundError: No module named 'gone'" in text
    assert "halving" in text
    names = schema()["properties"]["solver"]["anyOf"][0]["enum"]
    assert "halving" in names
    assert "gone" not in names


def test_nobody_takes_the_name_of_a_bundled_method(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("hqs", "a_package:Hqs", SOLVERS))
    fresh = registry.Registry(SOLVERS, solvers.Solver)
    assert fresh.method("hqs").__module__ == "napari_tweedie.solvers.splitting"
    assert "the name is taken by napari_tweedie.solvers.splitting" in fresh.unusable()["hqs"]


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [(denoisers, "bm4d", "bm3d"), (degradations, "gaussian_blur", "gaussian-blur"), (solvers, "pnp-amm", "pnp-admm")],
)
def test_an_unknown_name_is_answered_by_the_list_and_the_nearest(kind: Any, name: str, near: str) -> None:
    with pytest.raises(ValueError, match=rf"is called '{name}'; there are: .*{near}.*; did you mean '{near}'\?$"):
        kind.load(name)
