"""Errors that know which field of a form they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


class FieldError(ValueError):
    """Something that is missing or not allowed in one field.

    Parameters
    ----------
    message : str
        What to change.
    field : QWidget
        The widget in which it is changed.
    """

    def __init__(self, message: str, field: QWidget) -> None:
        super().__init__(message)
        self.field = field


def field_of(error: Exception) -> QWidget | None:
    """Return the field that an error is about, where it knows."""
    return error.field if isinstance(error, FieldError) else None
