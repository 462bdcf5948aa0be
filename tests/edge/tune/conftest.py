import pytest
import torch
from studies import CONFIG

from models import LIIF, load_checkpoint, save_checkpoint
from models.liif.widths import prunable


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    save_checkpoint(LIIF(CONFIG), path)
    return path


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def importance(model):
    torch.manual_seed(1)
    return {layer: torch.rand(layer.width(model.config)) for layer in prunable(model.config, "all")}
