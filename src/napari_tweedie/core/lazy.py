"""Lazy modules: torch named without importing it."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class LazyModule:
    """A module that is imported when one of its attributes is first asked for.

    The import runs under Python's own import lock, so threads may race for it, and nothing is left in
    ``sys.modules`` before, so other packages are not led to believe that the module is loaded.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if self._name == "torch" and "torch" not in sys.modules and threading.current_thread() is not threading.main_thread():
            with suppress(OSError, AttributeError, ValueError, TypeError):
                _load_libraries()
        return getattr(importlib.import_module(self._name), attribute)


def _load_libraries() -> None:
    """Have the system load torch's libraries, some 450 MB, before Python does, which would hold up all other threads meanwhile.

    A foreign function runs without Python's lock. Where the system has no ``dlopen``, or the libraries lie elsewhere, nothing
    is lost: the import loads them.
    """
    spec = find_spec("torch")
    if spec is None or spec.origin is None or sys.platform == "win32":
        return
    suffix = "dylib" if sys.platform == "darwin" else "so"
    library = Path(spec.origin).parent / "lib" / f"libtorch_python.{suffix}"
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    if library.is_file():
        load(os.fsencode(library), os.RTLD_NOW)


torch: Any = LazyModule("torch")
