"""Command line: the same jobs from a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer
from pydantic import ValidationError

from napari_tweedie.cli import commands as jobs
from napari_tweedie.cli import demo as show
from napari_tweedie.cli import info as look
from napari_tweedie.cli import training
from napari_tweedie.core.method import explain

app = typer.Typer(
    help="Denoise, restore and sample images with a denoiser as the model of what images look like.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
app.command("list")(look.list_methods)
COMMANDS: tuple[Callable[..., None], ...] = (
    jobs.denoise, jobs.restore, jobs.sample, jobs.decompose, jobs.degrade, jobs.run, jobs.batch,
    look.inspect, look.calibrate, look.schema, training.train, training.pack, training.adapt, show.demo,
)  # fmt: skip
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line; expected failures are one line, not a traceback."""
    try:
        app()
    except ValidationError as error:
        sys.exit(f"napari-tweedie: {explain(error)}")
    except (ValueError, OSError, MemoryError) as error:
        sys.exit(f"napari-tweedie: {error}")
