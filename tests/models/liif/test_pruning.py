from dataclasses import replace

import pytest
import torch

from models import LIIF, LIIFConfig
from models.liif.cost import count_macs
from models.liif.pruning import (
    BudgetError,
    Importance,
    choose_widths,
    cost_of,
    importance_by_loss,
    mean_importance,
    remove_channels,
)
from models.liif.widths import GROUP, Layer, Part, narrowed, prunable

CONFIG = LIIFConfig(n_feats=8, block_widths=(16, 24), hidden_widths=(16, 32))
LR = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def net(**options) -> LIIF:
    torch.manual_seed(0)
    return LIIF(replace(CONFIG, **options)).eval()


def macs(config: LIIFConfig) -> int:
    return count_macs(config).encoder


def losses(model: LIIF, count: int = 2):
    return [lambda: (model(LR, (16, 16)) ** 2).mean() for _ in range(count)]


def importance_of(model: LIIF, part: Part) -> Importance:
    return mean_importance(importance_by_loss(model, part, losses(model)))


def silence(model: LIIF, layer: Layer, channels: list[int]) -> None:
    """Take away what ``channels`` do, so that removing them changes nothing."""
    with torch.no_grad():
        if layer.part == "encoder":
            model.encoder.body[layer.number].body[2].weight[:, channels] = 0
        else:
            model.imnet.linears[layer.number + 1].weight[:, channels] = 0


@pytest.mark.parametrize("layer", [Layer("encoder", 1), Layer("decoder", 0), Layer("decoder", 1)])
def test_channels_that_do_nothing_go_first_and_are_not_missed(layer):
    model = net()
    idle = [1, 2, 5, 6, 9, 10, 11, 14]
    silence(model, layer, idle)
    importance = importance_of(model, "all")
    assert importance[layer][idle].max() == 0 < importance[layer].max()
    widths = {each: each.width(CONFIG) for each in importance}
    pruned = remove_channels(model, {**widths, layer: widths[layer] - GROUP}, importance)
    assert layer.width(pruned.config) == layer.width(CONFIG) - GROUP
    with torch.no_grad():
        torch.testing.assert_close(pruned(LR, (20, 12)), model(LR, (20, 12)), atol=1e-6, rtol=0)


def test_a_pruned_network_is_smaller_and_the_original_stays(tmp_path):
    model = net()
    importance = importance_of(model, "encoder")
    widths = choose_widths(CONFIG, importance, macs, 0.6 * macs(CONFIG))
    pruned = remove_channels(model, widths, importance)
    assert macs(pruned.config) <= 0.6 * macs(CONFIG)
    assert pruned.config == narrowed(CONFIG, widths)
    assert pruned.encoder.body[1].body[0].weight.shape[0] == pruned.config.block_widths[1]
    assert model.config == CONFIG and model.encoder.body[1].body[0].weight.shape[0] == 24


def test_what_costs_little_to_lose_goes_first():
    layers = prunable(CONFIG, "encoder")
    importance = {layers[0]: torch.ones(16), layers[1]: torch.full((24,), 0.1)}
    assert choose_widths(CONFIG, importance, macs, macs(CONFIG) - 1) == {layers[0]: 16, layers[1]: 16}


@pytest.mark.parametrize(("part", "untouched"), [("encoder", "hidden_widths"), ("decoder", "block_widths")])
def test_a_part_leaves_the_other_alone(part, untouched):
    model = net()
    importance = importance_of(model, part)

    def cost(config: LIIFConfig) -> int:
        return cost_of(part, count_macs(config))

    config = narrowed(CONFIG, choose_widths(CONFIG, importance, cost, 0.7 * cost(CONFIG)))
    assert getattr(config, untouched) == getattr(CONFIG, untouched)
    assert config != CONFIG


@pytest.mark.parametrize("res_scale", [1.0, 0.5])
@pytest.mark.parametrize("blocks", [[0], [1], [0, 1], [2], [0, 2], [0, 1, 2]])
def test_a_block_that_does_nothing_but_add_a_constant_goes_unseen(blocks, res_scale):
    model = net(block_widths=(8, 8, 8), res_scale=res_scale)
    layers = [Layer("encoder", number) for number in range(3)]
    for number in blocks:
        silence(model, layers[number], list(range(8)))
    widths = {layer: 0 if layer.number in blocks else 8 for layer in layers}
    pruned = remove_channels(model, widths, {layer: torch.ones(8) for layer in layers})
    assert pruned.config.block_widths == (8,) * (3 - len(blocks))
    with torch.no_grad():
        torch.testing.assert_close(pruned(LR, (16, 16)), model(LR, (16, 16)), atol=1e-6, rtol=0)


def test_blocks_go_last_and_an_impossible_budget_says_the_best():
    importance = {layer: torch.ones(layer.width(CONFIG)) for layer in prunable(CONFIG, "encoder")}
    without = macs(replace(CONFIG, block_widths=()))
    assert set(choose_widths(CONFIG, importance, macs, without).values()) == {0}
    with pytest.raises(BudgetError, match=f"a budget of at least {without}, the narrowest"):
        choose_widths(CONFIG, importance, macs, without - 1)


def test_a_hidden_layer_keeps_a_group():
    importance = {layer: torch.ones(layer.width(CONFIG)) for layer in prunable(CONFIG, "decoder")}
    narrowest = replace(CONFIG, hidden_widths=(GROUP, GROUP))
    budget = count_macs(narrowest).decoder
    widths = choose_widths(CONFIG, importance, lambda config: count_macs(config).decoder, budget)
    assert narrowed(CONFIG, widths) == narrowest


def test_importance_needs_something_to_measure_on():
    with pytest.raises(ValueError, match="at least one batch"):
        mean_importance([])
