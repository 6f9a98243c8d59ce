"""Pre-trained weights to start from: the convolutions and norms of a network, in one npz file.

`weights.npz` is our own (see README.md), made by `tools/pretrain.py`. Half precision is enough: its rounding is a
thousandth of what fine-tuning changes.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from scones.errors import HyperparameterError
from scones.model.training.network import Network

DEFAULT = Path(__file__).with_name("weights.npz")


def save(network: Network, path: Path) -> None:
    """Write the weights of `network.features` as float16."""
    # Batch counters matter only for norms without momentum, and float16 could not hold them exactly.
    state = {
        name: value.cpu().to(torch.float16).contiguous().numpy()
        for name, value in network.features.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with path.open("wb") as file:
        np.savez(file, **state)


def load(network: Network, path: Path) -> None:
    """Load a file's weights into `network.features`.

    Raises HyperparameterError if the file is unreadable, lacks a weight, or is of another width.
    """
    try:
        # A pickle could run any code, and this file may be a user's.
        with np.load(path, allow_pickle=False) as file:
            state = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
        network.features.load_state_dict(state, strict=False)
        missing = [name for name, _ in network.features.named_parameters() if name not in state]
    except (OSError, EOFError, TypeError, ValueError, BadZipFile, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise HyperparameterError(
            f"the backbone {path} cannot be used ({reason}); make it with tools/pretrain.py"
        ) from error
    if missing:
        raise HyperparameterError(f"the backbone {path} lacks {missing[0]}; make it with tools/pretrain.py")
