"""Claim on an output: two runs never write the same file at once, and a run that is killed leaves nothing that stops the next."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def claimed(target: Path) -> Iterator[None]:
    """Hold a file's name while it is written; the claim ends with the process, however that ends.

    Raises
    ------
    FileExistsError
        If another run is writing it.
    """
    path = target.with_name(f".{target.name}.lock")
    file = _opened(path)
    if file is None:
        raise FileExistsError(f"{target} is being written by another run: wait for it, or choose another name")
    try:
        yield
    finally:
        _remove(path, file)


def _opened(path: Path) -> IO[bytes] | None:
    """Return the lock file, locked; None if another process, or another run of this one, holds it."""
    while True:
        file = path.open("ab")
        if not _lock(file):
            file.close()
            return None
        try:
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        except FileNotFoundError:
            pass
        file.close()  # whoever held it has removed it: make a new one


def _lock(file: IO[bytes]) -> bool:
    """Lock a file for this process; the system unlocks it when the process ends."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if os.name == "nt":  # what Windows says of a locked file
            return False
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):  # a network drive without locks: go without
            return True
        raise
    return True


def _remove(path: Path, file: IO[bytes]) -> None:
    if os.name == "nt":  # an open file cannot be removed there
        file.close()
        path.unlink(missing_ok=True)
        return
    path.unlink(missing_ok=True)
    file.close()
