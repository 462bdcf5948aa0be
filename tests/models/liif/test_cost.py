import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models import LIIF, FixedScaleLIIF, LIIFConfig
from models.liif.cost import count_macs, count_parameters

CONFIGS = [
    LIIFConfig(n_feats=8, block_widths=(6, 3), hidden_widths=(12, 10)),
    LIIFConfig(n_feats=4, block_widths=(4,), hidden_widths=(6,), local_ensemble=False, cell_decode=False),
    LIIFConfig(n_feats=4, block_widths=(), hidden_widths=(6, 5, 4), feat_unfold=False),
]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("scale", [2, 3])
def test_multiplications_are_those_that_the_network_does(config, scale):
    form = FixedScaleLIIF(LIIF(config), scale).eval()
    lr = torch.zeros(1, 3, 5, 7)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        form.predict(form.encode(lr))
    assert 35 * count_macs(config, scale).total == counter.get_total_flops() / 2


@pytest.mark.parametrize("config", CONFIGS)
def test_parameters_are_those_that_the_network_has(config):
    model, cost = LIIF(config), count_parameters(config)
    assert cost.encoder == sum(p.numel() for p in model.encoder.parameters())
    assert cost.decoder == sum(p.numel() for p in model.imnet.parameters())


def test_the_published_network_costs_what_the_documentation_says():
    cost = count_macs(LIIFConfig())
    assert (cost.encoder, cost.decoder) == (1_218_240, 3_305_472)
