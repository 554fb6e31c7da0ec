"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

In = Annotated[
    Path,
    typer.Argument(
        help="Image to read: TIFF, OME-Zarr or its address, NIfTI, MRC, PNG, JPEG, what bioio or napari plugins read."
    ),
]
Out = Annotated[Path, typer.Argument(help="OME-TIFF, OME-Zarr (.zarr), NIfTI or MRC to write; it must not be the image itself.")]
Sigma = Annotated[float | None, typer.Option(help="Noise level in grey levels; estimated from the image if left out.")]
Set = Annotated[
    list[str], typer.Option("--set", metavar="PART.FIELD=VALUE", help="Set any field of the recipe, as `list` shows them.")
]
Scheduler = Annotated[
    str, typer.Option(help="For an OME-Zarr: local, or the address of a dask.distributed scheduler, tcp://HOST:8786.")
]
Slurm = Annotated[int, typer.Option(min=0, help="For an OME-Zarr: how many jobs of Slurm do its regions; 0: none.")]
Denoiser = Annotated[str, typer.Option(help="A name from `list`.")]
Volume = Annotated[bool, typer.Option(help="Treat Z as depth (3-D) rather than plane by plane.")]
Neighbours = Annotated[str, typer.Option(help="Planes that help each other: t (frames), z (planes), none, or auto.")]
Degradation = Annotated[str, typer.Option(help="What happened to the image, a name from `list`.")]
Psf = Annotated[Path | None, typer.Option(help="Image of the point-spread function, for psf-blur.")]
Array = Annotated[
    list[str],
    typer.Option(
        "--array", metavar="NAME=FILE", help="File of any other array that the degradation names: sampling, sensitivity, angles."
    ),
]
CameraMaps = Annotated[
    Path | None, typer.Option("--camera", help="Camera maps, as `camera` makes them: offset, gain and read variance of pixels.")
]
Outliers = Annotated[
    bool,
    typer.Option(
        "--outliers", help="Also write which pixels were left out, beside the result: hot, dead, blinking, cosmic rays."
    ),
]
Mask = Annotated[Path | None, typer.Option(help="Image that is not zero at missing pixels, for mask.")]
