"""Static quantisation observes what it is given, and insists on being given something."""

import pytest
import torch
from quantized import quantize_module
from torch import nn

from quantize.quantizer import LayerQuantizer
from quantize.spec import DEFAULT
from quantize.static import CalibrationInputs, calibrate

EVERYTHING = LayerQuantizer(lambda path: True)


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1)).eval()


def pictures(peak: float, count: int = 4) -> list[tuple[torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(peak * torch.rand(1, 3, 8, 9, generator=generator),) for _ in range(count)]


def distance(net: nn.Module, graph: nn.Module, peak: float) -> float:
    (x,) = pictures(peak, 5)[-1]
    with torch.no_grad():
        return float((graph(x) - net(x)).abs().max())


@pytest.mark.parametrize("calibration", [[], iter([])])
def test_no_calibration_input_is_an_error(calibration):
    with pytest.raises(ValueError, match="expected at least one calibration input, found none"):
        quantize_module(module(), pictures(1.0)[0], {}, calibration, EVERYTHING)


def test_the_calibration_inputs_determine_the_ranges_and_the_example_does_not():
    net = module()
    example = pictures(100.0)[0]
    fits = quantize_module(net, example, {}, pictures(1.0), EVERYTHING)
    too_narrow = quantize_module(net, example, {}, pictures(0.1), EVERYTHING)
    too_wide = quantize_module(net, example, {}, pictures(100.0), EVERYTHING)
    near = distance(net, fits, 1.0)
    assert near < 0.02
    assert distance(net, too_narrow, 1.0) > 10 * near
    assert distance(net, too_wide, 1.0) > 10 * near


def test_added_inputs_that_reach_far_hardly_harm_the_others():
    net, own, far = module(), pictures(1.0), pictures(100.0)
    alone = quantize_module(net, own[0], {}, own, EVERYTHING, DEFAULT)
    added = quantize_module(net, own[0], {}, own, EVERYTHING, DEFAULT, added=far)
    mixed = quantize_module(net, own[0], {}, [*own, *far], EVERYTHING, DEFAULT)
    assert distance(net, added, 1.0) < 1.5 * distance(net, alone, 1.0)
    assert distance(net, mixed, 1.0) > 10 * distance(net, alone, 1.0)


def test_rare_inputs_are_held_at_hardly_any_cost_to_the_others():
    net, own, rare = module(), pictures(1.0), pictures(1.5)
    alone = quantize_module(net, own[0], {}, own, EVERYTHING, DEFAULT)
    held = quantize_module(net, own[0], {}, own, EVERYTHING, DEFAULT, rare=rare)
    assert distance(net, held, 1.5) < 0.7 * distance(net, alone, 1.5)
    assert distance(net, held, 1.0) < 1.1 * distance(net, alone, 1.0)


def test_a_range_from_the_smallest_to_the_largest_value_leaves_out_rare_ones():
    net, own, added, rare = module(), pictures(1.0), pictures(1.2), pictures(3.0)
    given = CalibrationInputs(own, added=added, rare=rare)
    ready = calibrate(net, own[0], {}, given, EVERYTHING, DEFAULT, min_max_layers=["2"])
    (made,) = ready.graph.graph.output_node().args[0]
    observer = ready.graph.get_submodule(str(made.target))
    with torch.no_grad():
        values = torch.stack([net(x) for (x,) in (*own, *added)])
    assert observer.min_val.item() == pytest.approx(min(0.0, float(values.min())))
    assert observer.max_val.item() == pytest.approx(max(0.0, float(values.max())))


def test_every_calibration_input_counts_whatever_their_order():
    net, x = module(), torch.ones(1, 3, 8, 9)
    mixed = [*pictures(0.1), *pictures(1.0)]
    results = []
    for inputs in (mixed, mixed[::-1], iter(mixed)):
        graph = quantize_module(net, mixed[0], {}, inputs, EVERYTHING)
        with torch.no_grad():
            results.append(graph(x))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_result_takes_other_sizes_where_the_shapes_are_dynamic():
    dim = torch.export.Dim("w", min=1, max=32)
    graph = quantize_module(module(), pictures(1.0)[0], {"input": {3: dim}}, pictures(1.0), EVERYTHING)
    with torch.no_grad():
        assert graph(torch.rand(1, 3, 8, 31)).shape == (1, 3, 8, 31)


def test_the_module_itself_is_left_alone():
    net = module()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    quantize_module(net, pictures(1.0)[0], {}, pictures(1.0), EVERYTHING)
    assert net.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
