"""Small checkpoints, and how they are refused."""

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models import LIIF, CheckpointError, LIIFConfig, load_checkpoint

CONFIG = LIIFConfig(n_feats=4, block_widths=(4, 4), hidden_widths=(8, 6))
DELETE = object()


def tiny(config: LIIFConfig = CONFIG) -> LIIF:
    torch.manual_seed(0)
    return LIIF(config).eval()


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 1000
    for word in words:
        assert word in message


def loads_or_is_refused(path: Path) -> bool:
    """Whether it loads; whatever it raises must be a CheckpointError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load_checkpoint(path)
        except CheckpointError as error:
            assert "\n" not in str(error)
            return False
    return True


def changed(content: dict[str, Any], where: str, value: object) -> dict[str, Any]:
    """A copy with ``value`` at a path of keys; DELETE removes what is there."""
    content = copy.deepcopy(content)
    *parents, last = where.split("/")
    place: Any = content
    for key in parents:
        place = place[key]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return content


def write_safetensors(path: Path, metadata: dict[str, str] | None, config: LIIFConfig = CONFIG) -> None:
    save_file(tiny(config).state_dict(), path, metadata)
