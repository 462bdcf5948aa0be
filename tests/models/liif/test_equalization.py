"""Equalized forms compute what they computed, with channels of one range between their layers."""

import numpy as np
import pytest
import torch

from edge.compress.calibration import EQUALIZING_TILES, calibration_tiles, equalization
from edge.images.extremes import calibration_extremes, calibration_patterns
from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF, LIIFConfig
from models.liif.equalization import (
    SMALLEST_RANGE,
    equalize_weights,
    equalized,
    factors_of,
    holds,
    measure_reach,
)
from models.liif.fixed_scale import derive_weights

READERS = ["encoder.body.0.body.2", "encoder.body.1.body.2", "layers.0", "layers.1"]


def network() -> LIIF:
    torch.manual_seed(0)
    return LIIF(LIIFConfig(n_feats=8, block_widths=(8, 16), hidden_widths=(16, 8))).eval()


def tiles() -> list:
    return [torch.rand((1, 3, 9, 7), generator=torch.Generator().manual_seed(1)).numpy()]


def measure_factors(model: LIIF, tiles: list) -> dict[str, torch.Tensor]:
    return factors_of(measure_reach(model, tiles))


def test_every_layer_that_reads_from_a_relu_has_factors_of_one_to_ten():
    factors = measure_factors(network(), tiles())
    assert list(factors) == READERS
    for factor in factors.values():
        assert float(factor.min()) == 1.0 and float(factor.max()) <= 1 / SMALLEST_RANGE
        assert float(factor.std()) > 0.1


@torch.no_grad()
def test_fixed_and_any_scale_forms_compute_the_same_and_leave_the_network_alone():
    model, lr = network(), torch.from_numpy(tiles()[0])
    before = FixedScaleLIIF(model, 3)(lr)
    factors = measure_factors(model, tiles())
    torch.testing.assert_close(equalized(FixedScaleLIIF(model, 3), factors)(lr), before, atol=1e-6, rtol=0)
    assert torch.equal(FixedScaleLIIF(model, 3)(lr), before)
    coordinates = torch.rand((63, 4), generator=torch.Generator().manual_seed(2))

    def colours(encoder, decoder):
        return decoder(encoder(lr)[0].flatten(1).T, coordinates)

    forms = AnyScaleEncoder(model), AnyScaleDecoder(model)
    found = colours(*(equalized(form, factors) for form in forms))
    torch.testing.assert_close(found, colours(*forms), atol=1e-6, rtol=0)


def test_afterwards_no_channel_has_anything_to_gain():
    model = network()
    form = equalized(FixedScaleLIIF(model, 2), measure_factors(model, tiles()))
    ranges = {}
    for path in READERS:
        form.get_submodule(path).register_forward_pre_hook(
            lambda _layer, inputs, path=path: ranges.setdefault(path, []).append(inputs[0].amax((0, 2, 3)))
        )
    with torch.no_grad():
        form(torch.from_numpy(tiles()[0]))
    for path in READERS:
        largest = torch.stack(ranges[path]).amax(0)
        moving = largest[largest > 0]
        assert float(moving.max()) == pytest.approx(float(largest.max()))
        # But for those that would have to be enlarged more than ten times.
        assert float((moving > 0.99 * largest.max()).float().mean()) > 0.7


def test_a_silent_network_is_left_as_it_is():
    model = network()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert all(torch.equal(f, torch.ones_like(f)) for f in measure_factors(model, tiles()).values())


def test_factors_follow_from_the_network_alone():
    first, second = (equalization(network()).factors for _ in range(2))
    assert all(torch.equal(first[path], second[path]) for path in READERS)


def reach_on_pictures(model: LIIF) -> dict[str, torch.Tensor]:
    return measure_reach(model, [*calibration_tiles(None)[::EQUALIZING_TILES], *calibration_extremes()])


def test_patterns_calibrate_a_network_that_holds_them_and_share_the_range_of_its_channels():
    model, patterns = network(), calibration_patterns()
    found, reach = equalization(model), (reach_on_pictures(model), measure_reach(model, patterns))
    assert list(map(np.array_equal, found.patterns, patterns)) == [True] * len(patterns)
    for path in READERS:
        scaled = torch.maximum(reach[0][path], reach[1][path]) * found.factors[path]
        assert float((scaled > 0.99 * scaled.max()).float().mean()) > 0.7
    assert any(bool((reach[1][path] > 1.1 * reach[0][path]).any()) for path in READERS)


def test_a_network_in_which_patterns_reach_too_far_is_calibrated_without_them():
    model = network()
    with torch.no_grad():  # one channel is far larger on checks than on all else
        checks = torch.tensor([[1.0, -1, 1], [-1, 1, -1], [1, -1, 1]])
        model.encoder.head[0].weight[0] = 5 * checks
    found, reach = equalization(model), reach_on_pictures(model)
    assert not holds(reach, measure_reach(model, calibration_patterns()))
    assert not found.patterns
    assert all(torch.equal(found.factors[path], factor) for path, factor in factors_of(reach).items())


def test_weights_by_name_are_those_of_the_form_with_gradients_to_the_network():
    model = network()
    factors = measure_factors(model, tiles())
    weights = equalize_weights(derive_weights(model, 2), factors)
    form = equalized(FixedScaleLIIF(model, 2), factors)
    for name, parameter in form.named_parameters():
        torch.testing.assert_close(weights[name], parameter)
    sum(weight.sum() for weight in weights.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
