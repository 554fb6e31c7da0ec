"""Versions of a file: what was read of it is kept until the file changes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar, cast

Read = TypeVar("Read", bound=Callable[..., Any])


def kept_until_changed(maxsize: int) -> Callable[[Read], Read]:
    """Return a decorator of what reads a file, its first argument: it is called again only once the file was written again.

    Parameters
    ----------
    maxsize : int
        How many answers are kept.
    """

    def kept(read: Read) -> Read:
        @functools.lru_cache(maxsize)
        def version(path: Path, changed: int, *args: Hashable) -> Any:
            return read(path, *args)

        @functools.wraps(read)
        def latest(path: Path, *args: Hashable) -> Any:
            return version(path, path.stat().st_mtime_ns, *args)

        return cast("Read", latest)

    return kept
