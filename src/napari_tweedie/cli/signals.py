"""Signals: Ctrl+C, and the terminate of a scheduler or a shutdown, stop a command soon and leave what is finished."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_tweedie.core.cancellation import watched
from napari_tweedie.core.results import Cancelled

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signalled(KeyboardInterrupt):
    """A signal; no `KeyboardInterrupt` itself, after which, where it passes through code made of text, Python ends by SIGINT."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn signals into an orderly end within this block, with the exit status that shells expect.

    A signal raises a `KeyboardInterrupt` where Python is just then; should that be lost in a library's callback, the next
    cancellation point, which comes several times a second, ends the run.
    """
    received: list[int] = []

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        raise Signalled

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        with watched(lambda: bool(received)):
            yield
    except (KeyboardInterrupt, Cancelled, SystemExit):
        if not received:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        print("napari-tweedie: stopped", file=sys.stderr)
        sys.exit(128 + received[0])
