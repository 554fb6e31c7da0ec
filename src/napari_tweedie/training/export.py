"""How do trained weights become a file that the plugin can ship?"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from napari_tweedie.denoisers.unet import UNet
from napari_tweedie.training.loop import Training


def write_weights(network: UNet, settings: Training, path: Path) -> None:
    """Write the weights as float16 safetensors whose metadata holds the architecture and the training settings."""
    tensors = {name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    metadata = {
        "architecture": json.dumps({"widths": settings.widths, "blocks": settings.blocks}),
        "training": settings.model_dump_json(),
    }
    save_file(tensors, path, metadata=metadata)
