"""Sentences in place of what pydantic says of values that are not allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what pydantic says of a value into a sentence."""
    try:
        yield
    except ValidationError as error:
        raise ValueError(explain(error)) from None
    except RecursionError:
        raise ValueError("this is nested too deeply") from None
    except TypeError as error:
        if "keywords must be strings" not in str(error):
            raise
        raise ValueError("parameters are named by words, not by numbers or other values") from None


SAID = {
    "missing": "must be given",
    "extra_forbidden": "there is no such parameter",
    "frozen_instance": "cannot be changed: make a new one",
    "json_invalid": "this is no JSON",
}
"""What is wrong, in our words, by pydantic's kinds of errors."""


def explain(error: ValidationError) -> str:
    """Say in one line what is wrong with parameters: the name, the limit, the value, and nothing else."""
    lines = []
    for problem in error.errors():
        where = " ".join(str(part) for part in problem["loc"]) or error.title
        message = SAID.get(problem["type"]) or problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if isinstance(problem["input"], int | float | str | bool):
            message += f" (got {problem['input']!r})"
        lines.append(f"{where}: {message}" if problem["type"] != "value_error" else message)
    return "; ".join(lines)
