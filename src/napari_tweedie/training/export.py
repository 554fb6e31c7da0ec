"""Export of trained weights to a file that the plugin can ship."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from napari_tweedie.denoisers.unet import UNet


def write_weights(network: UNet, path: Path, **facts: str) -> None:
    """Write the weights as float16 safetensors whose metadata holds the architecture and facts about their making."""
    tensors = {name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    names = ("widths", "blocks", "levels", *(["direct"] if network.direct else []))
    architecture = json.dumps({name: getattr(network, name) for name in names})
    save_file(tensors, path, metadata={"architecture": architecture, **facts})
