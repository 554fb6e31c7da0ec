"""Export of trained weights to a file that the plugin can ship."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from napari_tweedie.denoisers.error_network import ErrorNetwork
from napari_tweedie.denoisers.fusion_network import FusionNetwork
from napari_tweedie.denoisers.network import Network
from napari_tweedie.images.whole import whole


def write_weights(network: Network | ErrorNetwork | FusionNetwork, path: Path, **facts: str) -> None:
    """Write the weights as float16 safetensors whose metadata holds the architecture and facts about their making."""
    tensors = {name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    architecture = json.dumps(network.architecture)
    with whole(path) as part:
        part.write_bytes(save(tensors, metadata={"architecture": architecture, **facts}))


def write_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write what training needs to go on; a full disk is an `OSError`, where torch would raise an error of its own."""
    content = io.BytesIO()
    torch.save(state, content)
    with whole(path) as part:
        part.write_bytes(content.getbuffer())
