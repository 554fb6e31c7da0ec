"""Notice of networks that were learnt, so that every list of denoisers offers them at once."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal


class Networks(QObject):
    """Says when a network was written, or removed."""

    changed = Signal()


NETWORKS = Networks()
