"""First and last layers, rewritten for int8, compute what they computed, in finer steps than int8 has."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF, LIIFConfig
from models.liif.int8_form import (
    HEAD,
    HEAD_COPIES,
    LAST_COPIES,
    LAST_RANGE,
    SHIFT,
    STEP,
    ZERO_POINT,
    ByteConv2d,
    FineLayer,
    FlooredConv2d,
    head_biases,
    int8_weights,
    last_weights,
    to_int8_form,
)


def conv() -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 3, padding=1)


def picture() -> torch.Tensor:
    values = torch.randint(0, 256, (1, 3, 9, 11), generator=torch.Generator().manual_seed(1))
    return (values / 255 - 0.5) / 0.5


def network() -> LIIF:
    torch.manual_seed(0)
    return LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16, 16))).eval()


def error_of(exact: torch.Tensor, copies: list[torch.Tensor], step: float) -> float:
    """Root mean square of the mean of ``copies``, rounded to ``step``, against ``exact``, in steps."""
    mean = torch.stack([(copy / step).round() * step for copy in copies]).mean(0)
    return float(((mean - exact) / step).square().mean().sqrt())


def test_inside_the_picture_the_first_layer_is_what_it_was_and_at_the_border_nearly():
    plain, shifted = conv()(picture()), ByteConv2d(conv())(picture())
    assert torch.allclose(plain[..., 1:-1, 1:-1], shifted[..., 1:-1, 1:-1], atol=1e-6)
    assert float((plain - shifted).detach().abs().max()) < STEP


def test_every_byte_has_a_code_and_no_two_the_same():
    bytes_ = (torch.arange(256) / 255 - 0.5) / 0.5 + SHIFT
    codes = (bytes_ / STEP).round() + ZERO_POINT
    assert codes.tolist() == list(range(-128, 128))


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Conv2d(16, 3, 1), (2, 16, 5, 4)), (nn.Linear(16, 3), (7, 16))]
)
def test_the_last_layer_is_what_it_was_on_a_grid_and_on_rows(layer, shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(FineLayer(layer)(x), layer(x), atol=1e-6, rtol=0)


@torch.no_grad()
def test_rounded_copies_of_the_first_layer_have_a_third_of_the_error_of_one():
    layer = conv()
    white = layer.weight.sum((2, 3)).abs().sum(1)
    step = float((layer.bias + white).max() - (layer.bias - white).min()) / 255
    x = torch.rand((1, 3, 200, 200), generator=torch.Generator().manual_seed(0)) * 2 - 1
    exact = F.conv2d(x, layer.weight, layer.bias)
    copies = [F.conv2d(x + SHIFT, layer.weight, bias) for bias in head_biases(layer.weight, layer.bias)]
    assert len(copies) == HEAD_COPIES == 3
    assert error_of(exact, copies, step) == pytest.approx(12**-0.5 / 3, rel=0.02)


@torch.no_grad()
def test_rounded_copies_of_the_last_layer_have_a_quarter_of_the_error_of_one():
    layer = nn.Conv2d(16, 3, 1)
    x = torch.rand((1, 16, 200, 200), generator=torch.Generator().manual_seed(0))
    weight, bias = last_weights(layer.weight, layer.bias)
    copies = list(F.conv2d(x, weight, bias).chunk(LAST_COPIES, dim=1))
    assert LAST_COPIES == 4
    assert error_of(layer(x), copies, LAST_RANGE / 255) == pytest.approx(12**-0.5 / 4, rel=0.02)


def test_the_mlps_first_layer_has_the_largest_bias_of_each_channel_and_queries_take_off_the_rest():
    form = FixedScaleLIIF(network(), 2)
    changed = to_int8_form(form, kept=())
    before, after = (
        torch.stack([net.get_buffer(name) for name in form.offset_biases]) for net in (form, changed)
    )
    assert torch.equal(changed.hoisted.bias, before.amax((0, 1, 3, 4)))
    assert torch.equal(after.amax((0, 1, 3, 4)), torch.zeros(16))
    assert float(after.min()) < 0


@torch.no_grad()
def test_every_form_computes_the_same_with_both_ends_changed():
    model = network()
    lr = picture() * 0.5 + 0.5
    rows, coordinates = torch.rand((5, 16)), torch.rand((5, 4))
    forms = [
        (FixedScaleLIIF(model, 2), (lr,), [ByteConv2d, FineLayer]),
        (AnyScaleEncoder(model), (lr,), [ByteConv2d]),
        (AnyScaleDecoder(model), (rows, coordinates), [FineLayer]),
    ]
    for form, inputs, expected in forms:
        changed = to_int8_form(form, kept=())
        assert [type(m) for m in changed.modules() if isinstance(m, ByteConv2d | FineLayer)] == expected
        assert not any(isinstance(m, ByteConv2d | FineLayer) for m in form.modules())
        inside = (..., slice(8, -8), slice(8, -8)) if lr is inputs[0] else ...
        torch.testing.assert_close(changed(*inputs)[inside], form(*inputs)[inside], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kept", [(), (HEAD,), ("hoisted", "layers.1")])
def test_the_weights_of_changed_ends_follow_from_those_of_the_form(kept):
    form = FixedScaleLIIF(network(), 2)
    derived = int8_weights({**dict(form.named_parameters()), **dict(form.named_buffers())}, kept)
    changed = to_int8_form(form, kept)
    constants = {"layers.1.mean.kernel", "layers.1.mean.share", "encoder.head.0.share"}
    held = {**dict(changed.named_parameters()), **dict(changed.named_buffers())}
    assert held.keys() - constants == derived.keys()
    for name, weight in derived.items():
        assert torch.equal(held[name], weight)


def test_an_end_that_is_kept_in_float_is_left_alone():
    changed = to_int8_form(FixedScaleLIIF(network(), 2), kept=[HEAD, "hoisted", "layers.1"])
    assert not any(isinstance(m, ByteConv2d | FineLayer | FlooredConv2d) for m in changed.modules())
