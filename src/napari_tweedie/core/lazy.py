"""Lazy modules: torch named without importing it."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """A module that is imported when one of its attributes is first asked for.

    The import runs under Python's own import lock, so threads may race for it, and nothing is left in
    ``sys.modules`` before, so other packages are not led to believe that the module is loaded.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


torch: Any = LazyModule("torch")
