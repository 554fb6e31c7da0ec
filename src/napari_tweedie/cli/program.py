"""Commands of the command line, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import metadata
from typing import Annotated

import typer

from napari_tweedie.cli import commands, demo, guarantees, info, measuring, rehearsing, training

app = typer.Typer(
    help="Denoise, restore and sample images with a denoiser as the model of what images look like.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
app.command("list")(info.list_methods)
COMMANDS: tuple[Callable[..., None], ...] = (
    commands.denoise, commands.restore, commands.sample, measuring.measure, commands.decompose, commands.degrade,
    commands.run, commands.batch,
    info.inspect, info.calibrate, guarantees.guarantee, info.psf, measuring.camera, info.schema,
    training.train, training.unroll, rehearsing.errors, rehearsing.fusion, training.pack, training.adapt, training.package,
    demo.demo,
)  # fmt: skip
for command in COMMANDS:
    app.command()(command)


def show_version(asked: bool) -> None:
    """Show the version and end, where it is asked for."""
    if asked:
        typer.echo(metadata.version("napari-tweedie"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=show_version)] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell what is chosen, and on what it runs.")] = False,
) -> None:
    """Denoise, restore and sample images with a denoiser as the model of what images look like."""
    if verbose:
        logging.basicConfig(format="%(name)s: %(message)s")
        logging.getLogger("napari_tweedie").setLevel(logging.INFO)
