"""Equalized forms compute what they computed, with channels of one range between their layers."""

import pytest
import torch

from edge.compress.int8 import equalization_factors
from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF, LIIFConfig
from models.liif.equalization import SMALLEST_RANGE, equalize_weights, equalized, measure_factors
from models.liif.fixed_scale import derive_weights

READERS = ["encoder.body.0.body.2", "encoder.body.1.body.2", "layers.0", "layers.1"]


def network() -> LIIF:
    torch.manual_seed(0)
    return LIIF(LIIFConfig(n_feats=8, block_widths=(8, 16), hidden_widths=(16, 8))).eval()


def tiles() -> list:
    return [torch.rand((1, 3, 9, 7), generator=torch.Generator().manual_seed(1)).numpy()]


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
    first, second = (equalization_factors(network()) for _ in range(2))
    assert all(torch.equal(first[path], second[path]) for path in READERS)


def test_weights_by_name_are_those_of_the_form_with_gradients_to_the_network():
    model = network()
    factors = measure_factors(model, tiles())
    weights = equalize_weights(derive_weights(model, 2), factors)
    form = equalized(FixedScaleLIIF(model, 2), factors)
    for name, parameter in form.named_parameters():
        torch.testing.assert_close(weights[name], parameter)
    sum(weight.sum() for weight in weights.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
