"""Every chosen layer is in int8 wherever it is called, with a bias of its own; nothing else is."""

import itertools
import math

import pytest
import torch
from quantized import quantize_module
from torch import Tensor, nn
from torch.fx import GraphModule

from quantize.quantizer import LAYERS, SUMMED_SCALE_BITS, LayerQuantizer, count_int8_layers, module_path

ROUNDS = 5


class Loop(nn.Module):
    """A head, then one layer called again and again, each time on other numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 4, 1)
        self.shared = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return torch.cat([self.shared(torch.relu(x * 10.0**n)) for n in range(ROUNDS)], dim=1)


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def quantised(module: nn.Module, quantizer: LayerQuantizer, *shape: int, peak: float = 1.0) -> nn.Module:
    torch.manual_seed(0)
    inputs = [(peak * torch.rand(shape),) for _ in range(4)]
    return quantize_module(module.eval(), inputs[0], {}, inputs, quantizer)


def seeded(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    return kind()


def calls(graph: nn.Module) -> list[torch.fx.Node]:
    assert isinstance(graph, GraphModule)
    return [node for node in graph.graph.nodes if node.target in LAYERS]


def db(a: Tensor, b: Tensor) -> float:
    return float(10 * torch.log10(b.square().mean() / (a - b).square().mean()))


def test_every_call_of_a_shared_layer_is_in_int8():
    quantizer = LayerQuantizer(lambda path: True)
    graph = quantised(seeded(Loop), quantizer, 1, 3, 6, 7)
    assert quantizer.annotated == count_int8_layers(graph) == 1 + ROUNDS


def test_layers_that_are_not_chosen_stay_float_wherever_they_are_called():
    quantizer = LayerQuantizer(lambda path: path != "shared")
    graph = quantised(seeded(Loop), quantizer, 1, 3, 6, 7)
    assert quantizer.annotated == count_int8_layers(graph) == 1
    paths = [module_path(node) for node in calls(graph)]
    assert paths == ["head"] + ["shared"] * ROUNDS


def test_linear_layers_with_and_without_a_bias_are_in_int8_too():
    quantizer = LayerQuantizer(lambda path: True)
    assert count_int8_layers(quantised(seeded(Dense), quantizer, 9, 6)) == quantizer.annotated == 2


def test_every_call_of_a_shared_layer_has_a_bias_of_its_own_and_of_the_same_numbers():
    module = seeded(Loop)
    graph = quantised(module, LayerQuantizer(lambda path: True), 1, 3, 6, 7)
    biases = [node.args[2].target for node in calls(graph)[1:]]
    assert len(set(biases)) == ROUNDS
    for name in biases:
        assert torch.equal(graph.get_parameter(name), module.shared.bias)


def test_every_call_has_the_range_of_its_own_input():
    module = seeded(Loop)
    graph = quantised(module, LayerQuantizer(lambda path: True), 1, 3, 6, 7)
    scales = [float(node.args[0].args[1]) for node in calls(graph)[1:]]
    ratios = [b / a for a, b in itertools.pairwise(scales)]
    assert ratios == pytest.approx([10.0] * (ROUNDS - 1), rel=0.01)


@pytest.mark.parametrize(("kind", "shape"), [(Loop, (1, 3, 6, 7)), (Dense, (9, 6))])
def test_the_quantised_graph_computes_nearly_the_same(kind, shape):
    module = seeded(kind).eval()
    graph = quantised(module, LayerQuantizer(lambda path: True), *shape)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert 30 < db(graph(x), module(x)) < 60
        none_chosen = quantised(module, LayerQuantizer(lambda path: False), *shape)
        assert torch.equal(none_chosen(x), module(x))


@pytest.mark.parametrize("peak", [0.0, 1e-30, 1e20])
def test_calibration_on_nothing_but_black_or_glare_gives_finite_numbers(peak):
    graph = quantised(seeded(Loop), LayerQuantizer(lambda path: True), 1, 3, 6, 7, peak=peak)
    with torch.no_grad():
        for x in (torch.zeros(1, 3, 6, 7), torch.ones(1, 3, 6, 7)):
            assert torch.isfinite(graph(x)).all()


def test_what_no_relu_follows_has_a_scale_of_few_bits_and_keeps_its_range():
    module = seeded(Loop).eval()
    graph = quantised(module, LayerQuantizer(lambda path: True), 1, 3, 6, 7)
    torch.manual_seed(0)
    inputs = [torch.rand((1, 3, 6, 7)) for _ in range(4)]
    with torch.no_grad():
        seen = [module.head(x) for x in inputs]
    (quantize,) = calls(graph)[0].users
    _, scale, zero_point, low, high, _ = quantize.args
    mantissa = math.frexp(scale)[0] * 2**SUMMED_SCALE_BITS
    assert mantissa == round(mantissa)
    assert (low - zero_point) * scale <= min(float(x.min()) for x in seen) + scale / 2
    assert (high - zero_point) * scale >= max(float(x.max()) for x in seen) - scale / 2
