"""Every layer has a switch: float is the network, int8 is what a program of that layer alone computes."""

import pytest
import torch
from quantized import quantize_module
from torch import Tensor, nn

from quantize.bitwidth_sweep import SweepGraph
from quantize.quantizer import LayerQuantizer
from quantize.spec import PLAIN
from quantize.static import CalibrationInputs, calibrate


class Net(nn.Module):
    """A layer, one that is called twice, an addition of a constant, and a skip around all."""

    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.twice, self.last = (nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
        self.register_buffer("offset", torch.rand(1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        y = self.twice(torch.relu(self.twice(x) + self.offset))
        return x + self.last(y)


def inputs(count: int = 3) -> list[tuple[Tensor]]:
    return [(torch.rand(1, 4, 9, 8, generator=torch.Generator().manual_seed(n)),) for n in range(count)]


@pytest.fixture(scope="module")
def sweep() -> SweepGraph:
    net = Net().eval()
    return SweepGraph(
        calibrate(net, inputs()[0], {}, CalibrationInputs(inputs()), LayerQuantizer(lambda path: True))
    )


def rms(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().square().mean().sqrt())


def test_layers_are_named_in_the_order_in_which_they_run(sweep):
    assert sweep.layers == {"first": 144, "twice": 144, "last": 144}


def test_with_all_switches_at_float_it_is_the_network(sweep):
    (x,) = inputs(5)[-1]
    assert torch.allclose(sweep.run({}, (x,)), Net().eval()(x), atol=1e-6)


@pytest.mark.parametrize("path", ["first", "twice", "last"])
def test_one_layer_in_int8_is_as_far_off_as_a_graph_with_it_alone(sweep, path):
    (x,) = inputs(5)[-1]
    net = Net().eval()
    quantizer = LayerQuantizer(lambda found: found == path)
    alone = quantize_module(net, inputs()[0], {}, inputs(), quantizer, PLAIN)
    with torch.no_grad():
        expected = rms(alone(x), net(x))
    assert rms(sweep.run({path: "int8"}, (x,)), net(x)) == pytest.approx(expected, rel=0.35)


def test_fewer_bits_cost_more(sweep):
    (x,) = inputs(5)[-1]
    for path in sweep.layers:
        float_, six, four = (sweep.weight(path, width) for width in ("float", "weights-6", "weights-4"))
        assert 0 < rms(six, float_) < 0.5 * rms(four, float_)
        out = sweep.run({}, (x,))
        assert rms(sweep.run({path: "weights-6"}, (x,)), out) < rms(sweep.run({path: "weights-4"}, (x,)), out)
        assert len(torch.unique(four[0])) <= 15


def test_the_addition_of_a_constant_belongs_to_the_layer_before_it(sweep):
    (addition, skip) = (n for n in sweep.graph.graph.nodes if n.target is torch.ops.aten.add.Tensor)
    for observer in addition.args:
        assert sweep.is_int8(observer, addition, {"twice": "int8"})
        assert not sweep.is_int8(observer, addition, {"first": "int8", "last": "int8"})
    assert sweep.is_int8(skip.args[1], skip, {"last": "int8"})
    assert not sweep.is_int8(skip.args[1], skip, {"twice": "int8"})
