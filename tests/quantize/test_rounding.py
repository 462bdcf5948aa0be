"""Weights are rounded against the inputs they meet: the layer's output keeps closer to the float one."""

import torch
from quantized import quantize_module
from torch import Tensor, nn
from torch.fx import Node

from quantize.graph import LAYERS
from quantize.quantizer import LayerQuantizer
from quantize.rounding import _Run, round_by_gptq
from quantize.spec import StaticSpec

LIMITS = (-127, 127)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def correlated(rows: int, n: int) -> Tensor:
    """Inputs that say nearly the same thing n times, as neighbouring pixels do."""
    common = torch.randn(rows, 1, generator=generator(1))
    return common + 0.1 * torch.randn(rows, n, generator=generator(2))


def test_the_output_keeps_closer_than_with_each_weight_rounded_by_itself():
    x, weight = correlated(2000, 24), torch.randn(8, 24, generator=generator())
    scale = weight.abs().amax(1) / 7
    nearest = (weight / scale[:, None]).round().clamp(-7, 7)
    chosen = round_by_gptq(weight, scale, (x.T @ x).double() / len(x), (-7, 7))
    near, far = (
        float((x @ (codes.float() * scale[:, None] - weight).T).square().mean())
        for codes in (chosen, nearest)
    )
    assert near < 0.2 * far
    assert int(chosen.abs().max()) <= 7


def test_inputs_without_correlation_or_without_anything_leave_each_weight_to_itself():
    weight = torch.randn(4, 6, generator=generator())
    scale = weight.abs().amax(1) / 127
    nearest = (weight / scale[:, None]).round().to(torch.int8)
    for moments in (torch.eye(6), torch.zeros(6, 6)):
        assert torch.equal(round_by_gptq(weight, scale, moments.double(), LIMITS), nearest)


class Shared(nn.Module):
    """One 3x3 layer called twice, then a linear one over the channels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(torch.relu(self.conv(x)))
        out: Tensor = self.linear(x.flatten(2).transpose(1, 2))
        return out


def inputs(count: int = 6) -> list[tuple[Tensor]]:
    smooth = nn.functional.interpolate(
        torch.rand(count, 4, 3, 3, generator=generator()), size=(11, 13), mode="bilinear"
    )
    return [(x[None],) for x in smooth]


def error(spec: StaticSpec) -> float:
    net = Shared().eval()
    graph = quantize_module(net, inputs()[0], {}, inputs(), LayerQuantizer(lambda path: True), spec)
    (x,) = inputs(7)[-1]
    with torch.no_grad():
        return float((graph(x) - net(x)).square().mean())


def test_a_graph_with_a_shared_and_a_linear_layer_comes_closer_to_float():
    plain = error(StaticSpec("min-max", "min-max", "nearest"))
    assert error(StaticSpec("min-max", "min-max", "gptq")) < plain
    assert error(StaticSpec("min-max", "mse", "gptq", True)) < plain


def test_correcting_a_bias_takes_the_mean_error_away_and_leaves_the_network_alone():
    """With inputs of one sign, rounding the weights shifts what a layer gives."""
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(8, 5, 1)).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    calibration = [(torch.rand(1, 8, 6, 6, generator=generator(n)) + 1,) for n in range(8)]

    def shift(bias_correction: bool) -> float:
        spec = StaticSpec("min-max", "min-max", "nearest", bias_correction)
        quantizer = LayerQuantizer(lambda path: True)
        graph = quantize_module(net, calibration[0], {}, calibration, quantizer, spec)
        with torch.no_grad():
            errors = torch.cat([graph(*x) - net(*x) for x in calibration])
        return float(errors.mean((0, 2, 3)).abs().mean())

    assert shift(True) < 0.2 * shift(False)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_the_same_inputs_give_the_same_codes():
    def graph() -> nn.Module:
        quantizer = LayerQuantizer(lambda path: True)
        return quantize_module(Shared().eval(), inputs()[0], {}, inputs(), quantizer, StaticSpec())

    first, again = graph().state_dict(), graph().state_dict()
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_weight_is_dequantised_just_before_the_layer_that_reads_it():
    """Not all at the graph's beginning, where every call's weight would be in memory at once."""
    spec = StaticSpec(rounding="gptq")
    quantizer = LayerQuantizer(lambda path: True)
    graph = quantize_module(Shared().eval(), inputs()[0], {}, inputs(), quantizer, spec).graph
    layers = [node for node in graph.nodes if node.target in LAYERS]
    assert len(layers) == 3
    assert all(layer.prev is layer.args[1] for layer in layers)


class Fan(nn.Module):
    """A layer whose output eight others read."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 5, 3, padding=1)
        self.others = nn.ModuleList(nn.Conv2d(5, 2, 1) for _ in range(8))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return torch.cat([other(x) for other in self.others], 1)


def test_what_many_layers_read_is_held_once_while_weights_are_refined(monkeypatch):
    held = []

    def step(run: _Run, node: Node) -> None:
        original(run, node)
        floats = [
            value for value in run.env.values() if isinstance(value, Tensor) and value.is_floating_point()
        ]
        held.append(sum(value.ndim == 4 and value.shape[:2] == (1, 5) for value in floats))

    original = _Run.step
    monkeypatch.setattr(_Run, "step", step)
    spec = StaticSpec(rounding="gptq")
    quantize_module(Fan().eval(), inputs()[0], {}, inputs(), LayerQuantizer(lambda path: True), spec)
    assert 1 <= max(held) <= 2


def test_inputs_run_no_farther_than_the_last_layer_whose_weight_or_bias_changes(monkeypatch):
    """At ×4 the MLP's layers are called 64 times and rounded once."""
    steps: list[Node] = []
    original = _Run.step

    def step(run: _Run, node: Node) -> None:
        steps.append(node)
        original(run, node)

    def calls(spec: StaticSpec) -> int:
        steps.clear()
        quantizer = LayerQuantizer(lambda path: path == "conv")
        quantize_module(Shared().eval(), inputs()[0], {}, inputs(1), quantizer, spec)
        return sum(node.target in LAYERS for node in steps)

    monkeypatch.setattr(_Run, "step", step)
    assert calls(StaticSpec(rounding="gptq")) == 0  # the second call of the layer has the codes of the first
    assert calls(StaticSpec(rounding="gptq", bias_correction=True)) == 1
