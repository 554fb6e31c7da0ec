"""Sample images that can be opened to try things out."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import numpy as np
from qtpy.QtWidgets import QApplication

from napari_tweedie.files.reader import layer_of
from napari_tweedie.images.files import read
from napari_tweedie.widgets.layers.note import show_note
from napari_tweedie.widgets.parts.doors import warm_up_docks
from napari_tweedie.widgets.runs.background import POOL

CONTRAST = (0.1, 99.9)
"""Percentiles between which a sample is shown, so that a few bright pixels do not darken it."""
Layers = list[tuple[Any, dict[str, Any], str]]


def short_exposure() -> Layers:
    """Open a short exposure, whose noise is that of photons, with a long one for truth."""
    _tell("Photon noise of a short exposure. Plugins › Tweedie › Tweedie shows what to do.")
    return [_layer("short_exposure_truth", "long exposure", visible=False), _layer("short_exposure", "noisy")]


def fluorescence() -> Layers:
    """Open a noisy fluorescence image, with its truth."""
    _tell("A noisy fluorescence image. Denoise it; Compare tells how near the truth it is.")
    return [_layer("fluorescence_truth", "truth", visible=False), _layer("fluorescence", "noisy")]


def stack() -> Layers:
    """Open a blurred stack, with its point-spread function and its truth."""
    _tell("A blurred stack and its point-spread function. The dock Tweedie deblurs it.")
    return [
        _layer("stack_truth", "truth", visible=False),
        _layer("stack_psf", "psf", visible=False),
        _layer("stack", "blurred"),
    ]


def beads() -> Layers:
    """Open a stack of beads under the microscope of the blurred stack, with the point-spread function that they show."""
    show_note("Beads under the microscope of the sample stack. Deblur that: “Estimate it…”")
    return [_layer("stack_psf", "psf", visible=False), _layer("beads", "beads")]


def missing() -> Layers:
    """Open an image with missing pixels, with labels that mark them and its truth."""
    _tell("A micrograph; “mask” marks missing pixels. The dock Tweedie fills them in.")
    return [
        _layer("missing_truth", "truth", visible=False),
        _layer("missing_mask", "mask", kind="labels", visible=False),
        _layer("missing", "incomplete"),
    ]


def bleaching() -> Layers:
    """Open a noisy time-lapse that fades, with its truth."""
    _tell("A time-lapse that fades. Denoise it: nearby frames help.")
    return [_layer("bleaching_truth", "truth", visible=False), _layer("bleaching", "noisy")]


def low_dose_tem() -> Layers:
    """Open an electron micrograph of very low dose; its truth is not known."""
    _tell("An electron micrograph of low dose. Denoise it, then ask How sure?")
    return [_layer("low_dose_tem", "low dose")]


def ct_sinogram() -> Layers:
    """Open the projections of a tooth, 181 of them over half a turn; its truth is not known."""
    _tell("X-ray projections of a tooth. The dock Tweedie proposes to make the slice of them.")
    return [_layer("ct_sinogram", "sinogram")]


def mri_kspace() -> Layers:
    """Open the k-space of a brain, 12 % of it, measured by eight coils; its truth is not known."""
    _tell("MRI k-space of eight coils, 12 % measured. The dock Tweedie makes the image.")
    return [_layer("mri_kspace", "k-space")]


def _tell(note: str) -> None:
    """Say what to try; what is needed for that is loaded while the user reads."""
    show_note(note)
    if QApplication.instance() is not None:
        POOL.submit(warm_up_docks)


def _layer(file: str, name: str, kind: str = "image", visible: bool = True) -> tuple[Any, dict[str, Any], str]:
    with as_file(files("napari_tweedie") / "sample_data" / f"{file}.tif") as path:
        picture = read(path)
    shown = layer_of(picture, name) | {"visible": visible}
    if kind == "labels":
        del shown["rgb"]
    elif name != "psf":  # whose peak is what there is to see
        shown["contrast_limits"] = tuple(np.percentile(picture.data, CONTRAST))
    return picture.data, shown, kind
