"""Command line: the same jobs from a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from napari_tweedie.cli.signals import stoppable

if TYPE_CHECKING:
    from napari_tweedie.cli.program import app

__all__ = ["app", "main"]


def __getattr__(name: str) -> Any:
    """Put the commands together when they are asked for."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_tweedie.cli.program import app

    return app


def main() -> None:
    """Run the command line; expected failures are one line, not a traceback.

    Signals are heeded before the commands are imported, which takes a second or more.
    """
    try:
        with stoppable():
            from napari_tweedie.cli.program import app

            app()
    except (ValueError, OSError, MemoryError) as error:
        sys.exit(f"napari-tweedie: {_said(error)}")


def _said(error: Exception) -> str:
    """Return what to tell of an error: of a missing array, the option that gives it."""
    from napari_tweedie.core.array_input import MissingInput

    if isinstance(error, MissingInput):
        return f"the {error.part} {error.method!r} needs its {error.field}: add --{error.field} FILE"
    return str(error) or type(error).__name__
