"""Does any command line end with a result or in one sentence, without a trace of what is unfinished?"""

import contextlib
import io
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given

from napari_tweedie import cli

from .commands import fill, lines
from .strategies import fuzzed, is_a_sentence

NUMBERS = (0, 1, 2, None)
"""Exit statuses: done, failed in a sentence, used wrongly."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    fill(made)
    return made


def told(words: list[str]) -> tuple[int | str | None, str]:
    """Run a command line in this process; return its exit status, or its last words, and what it printed."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", ["napari-tweedie", *words])
        patch.setattr("rich.console.Console.file", property(lambda console: printed))
        try:
            cli.main()
        except SystemExit as end:
            return end.code, printed.getvalue()
    return 0, printed.getvalue()


def check(words: list[str], folder: Path) -> None:
    """Run a command line in a folder, and look at how it ended."""
    given = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    named = {path.name for path in folder.iterdir()}
    with contextlib.chdir(folder):
        status, printed = told(words)
    changed = [name for name, content in given.items() if name not in words and (folder / name).read_bytes() != content]
    unfinished = [path.name for path in folder.rglob("*") if path.name.endswith((".lock", ".partial", ".new"))]
    for path in folder.iterdir():
        if path.name not in named:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, content in given.items():
        (folder / name).write_bytes(content)
    assert not changed
    assert not unfinished
    assert "Traceback" not in printed
    if isinstance(status, str):
        assert status.startswith("napari-tweedie: ")
        assert is_a_sentence(ValueError(status)), status
    else:
        assert status in NUMBERS, printed


@pytest.mark.slow
@fuzzed(25)
@given(words=lines())
def test_any_command_line_ends_with_a_result_or_in_a_sentence(words: list[str], folder: Path) -> None:
    check(words, folder)
