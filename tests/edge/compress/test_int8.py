"""Static int8: what is quantised, on which pictures, and that the program is the graph."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from quantized import plain, quantised, quantize_methods

from edge.backends.xnnpack.export import lower_to_xnnpack
from edge.backends.xnnpack.runtime import HostProgram
from edge.card_reader import read_card
from edge.compress.calibration import calibration_tiles
from edge.errors import BadInput
from edge.images.extremes import calibration_extremes
from edge.images.metrics import psnr
from edge.run.artifact import Artifact
from models import LIIF, LIIFConfig
from models.liif.int8_form import HEAD, HEAD_COPIES, INT8_RULES, SHIFT
from models.liif.programs import methods_of
from quantize.quantizer import LAYERS, count_int8_layers, module_path
from quantize.spec import PLAIN

QUERIES = 16  # ×2: four phases of four neighbours


def tiles_of(value: float, count: int = 2) -> list[np.ndarray]:
    return [np.full((1, 3, 48, 48), value, np.float32)] * count


def test_every_layer_is_in_int8_in_every_query(tiny):
    graph = tiny.fake_quantised(2)["forward"]
    encoder, hoisted = HEAD_COPIES + 3, 1
    assert count_int8_layers(graph) == encoder + hoisted + QUERIES
    assert read_card(tiny.artifact(2, "int8")).quantisation.quantised_layers == count_int8_layers(graph)


def test_the_blending_and_the_means_of_copies_stay_float(tiny):
    graph = tiny.fake_quantised(2)["forward"]
    calls = [node for node in graph.graph.nodes if node.target in LAYERS]
    floats = [module_path(node) for node in calls if "dequantize" not in str(node.args[0].target)]
    assert floats == QUERIES * ["layers.0.mean"] + ["", ""]
    assert read_card(tiny.artifact(2, "int8")).quantisation.float_layers == []


def test_the_decoders_part_for_the_coordinates_stays_float(tiny):
    graphs = tiny.fake_quantised("any")
    assert {name: count_int8_layers(graph) for name, graph in graphs.items()} == {
        "encode": HEAD_COPIES + 4,
        "decode": 1,
    }
    quantisation = read_card(tiny.artifact("any", "int8")).quantisation
    assert quantisation.float_layers == list(INT8_RULES.float_layers)
    assert quantisation.quantised_layers == HEAD_COPIES + 5


def test_ranges_of_the_same_encoder_hold_more_at_4():
    """A stroke that is clipped is a larger part of a 16x16 block there."""
    model, tile = plain(), np.random.default_rng(0).random((1, 3, 48, 48), np.float32)

    def steps(scale: int) -> np.ndarray:
        graph = quantised(methods_of(model, scale, 64), model, [tile])["forward"].graph
        layers = [n for n in graph.nodes if n.target in LAYERS and module_path(n).startswith("encoder")]
        return np.array([float(n.args[0].args[1]) for n in layers if "per_tensor" in str(n.args[0].target)])

    ratio = steps(4) / steps(2)
    assert len(ratio) >= 3
    assert ratio.min() > 0.97
    assert 1.02 < ratio.max() < 2


def test_queries_share_no_bias(tiny):
    graph = tiny.fake_quantised(2)["forward"]
    calls = [node for node in graph.graph.nodes if node.target in LAYERS]
    biases = [node.args[2].target for node in calls if len(node.args) > 2 and node.args[2] is not None]
    assert len(biases) == HEAD_COPIES + 3 + 1 + QUERIES
    assert len(set(biases)) == len(biases)


def test_float_sums_of_what_int8_layers_give_are_exact_in_any_order(tiny):
    """So they are on every processor: the last layer's copies' means, and the blend of 48 of these."""

    class Sums(torch.fx.Interpreter):
        def run_node(self, node: torch.fx.Node) -> object:
            made = super().run_node(node)
            if node.target in LAYERS and "dequantize" not in str(node.args[0].target):
                given, kernel = self.map_nodes_to_values(node.args[:2], node)
                order = torch.randperm(given.shape[1], generator=torch.Generator().manual_seed(0))
                others = node.args[2:]
                exact = node.target(given.double(), kernel.double(), *others)
                assert torch.equal(made.double(), exact)
                assert torch.equal(made, node.target(given[:, order], kernel[:, order], *others))
                checked.append(node)
            return made

    checked: list[torch.fx.Node] = []
    with torch.no_grad():
        Sums(tiny.fake_quantised(2)["forward"]).run(torch.from_numpy(calibration_tiles(None)[0]))
    assert len(checked) == QUERIES + 2


def test_the_output_is_not_rounded_to_a_byte(tiny):
    lr = np.random.default_rng(0).random((1, 3, 48, 48), np.float32)
    sr = Artifact.open(tiny.artifact(2, "int8"))(lr)
    assert len(np.unique(sr)) > 5000


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("scale", [2, None])
def test_calibration_on_one_colour_gives_finite_numbers(scale, value):
    model = plain()
    methods = methods_of(model, scale, 64)
    graphs = quantised(methods, model, tiles_of(value))
    for method in methods:
        with torch.no_grad():
            assert torch.isfinite(graphs[method.name](*method.example({"h": 9, "w": 7, "n": 5}))).all()


def test_a_tile_like_the_calibration_is_nearer_to_fp32_than_others_which_are_not_far():
    """Ranges fit what calibrates; pure colours, which always do, keep the rest from being clipped."""
    model = plain()
    (method,) = methods_of(model, 2, 64)
    rng = np.random.default_rng(0)
    dark = [(rng.random((1, 3, 48, 48)) * 0.1).astype(np.float32) for _ in range(4)]
    graph = quantised([method], model, dark)["forward"]
    with torch.no_grad():
        near, far = (
            float((graph(x) - method.module(x)).square().mean())
            for x in (torch.from_numpy(dark[0]), torch.from_numpy(1 - dark[0]))
        )
    assert near < far < 10 * near


def test_pure_colours_stay_what_they_are_whatever_calibrates():
    model = plain()
    (method,) = methods_of(model, 2, 64)
    for value in (0.0, 0.5):
        graph = quantised([method], model, tiles_of(value))["forward"]
        for tile in map(torch.from_numpy, calibration_extremes()):
            with torch.no_grad():
                off = 255 * (graph(tile) - method.module(tile)).mean((0, 2, 3)).abs()
            assert float(off.max()) <= 2


def test_the_card_says_what_it_was_calibrated_on():
    model = plain()
    _, card = quantize_methods(methods_of(model, 2, 64), model, tiles_of(0.5, 3), "grey paper")
    assert card.calibration == "3 tiles of 48x48 from grey paper"


def test_the_additions_of_the_offsets_run_in_int8_and_those_of_the_residuals_do_not(tiny):
    """In float, the additions of the offsets would take as long as the layers around them."""
    graph = tiny.fake_quantised(2)["forward"].graph
    additions = [node for node in graph.nodes if node.target is torch.ops.aten.add.Tensor]

    def in_int8(node: torch.fx.Node) -> bool:
        tensors = [arg for arg in node.args if isinstance(arg, torch.fx.Node)]
        return all("dequantize" in str(arg.target) for arg in tensors) and len(tensors) == 2

    followed_by_relu = [
        node for node in additions if any(u.target is torch.ops.aten.relu.default for u in node.users)
    ]
    assert len(followed_by_relu) == 16
    assert [node for node in additions if in_int8(node)] == followed_by_relu


def test_eight_bit_pictures_reach_the_first_layer_unrounded(tiny):
    graph = tiny.fake_quantised(2)["forward"]
    heads = [node for node in graph.graph.nodes if module_path(node) == HEAD and node.target in LAYERS]
    (quantize,) = {head.args[0].args[0] for head in heads}
    _, scale, zero_point, low, high, dtype = quantize.args
    picture = (torch.arange(256) / 255 - 0.5) / 0.5 + SHIFT
    codes = torch.ops.quantized_decomposed.quantize_per_tensor(picture, scale, zero_point, low, high, dtype)
    assert torch.equal(codes, torch.arange(-128, 128, dtype=torch.int8))


def test_no_code_of_the_mlps_first_layer_is_spent_on_values_below_zero(tiny):
    graph = tiny.fake_quantised(2)["forward"]
    (first,) = (n for n in graph.graph.nodes if module_path(n) == "hoisted" and n.target in LAYERS)
    (relu,) = first.users
    (quantize,) = relu.users
    _, _, zero_point, low, *_ = quantize.args
    assert relu.target is torch.ops.aten.relu.default and zero_point == low == -128


def test_a_program_with_float_layers_between_loads_and_is_its_graph(tmp_path):
    """XNNPACK takes some sums and convolutions right after int8 layers for what they are not: here the sum
    of head and tail, the sum of the head and a float layer, and two float layers after int8 ones."""
    floats = ["encoder.body.0.body.2", "layers.0"]
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8, 8), hidden_widths=(16, 16), local_ensemble=False)
    model = LIIF(config).eval()
    methods = methods_of(model, 2, 64)
    tiles = calibration_tiles(None)[:3]
    graphs, card = quantize_methods(methods, model, tiles, "test", PLAIN, floats)
    assert sorted(card.float_layers) == sorted(floats)
    program = tmp_path / "model.pte"
    program.write_bytes(lower_to_xnnpack({"forward": replace(methods[0], module=graphs["forward"]).trace()}))
    sr = HostProgram(program).run("forward", {"lr": tiles[0]})
    with torch.no_grad():
        expected = graphs["forward"](torch.from_numpy(tiles[0])).numpy()
    assert psnr(sr, expected) > 70


def test_a_network_that_overflows_is_refused():
    model = plain()
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.fill_(1e30)
    with pytest.raises(BadInput, match="expected finite activations, found NaN or infinity"):
        quantised(methods_of(model, 2, 64), model, tiles_of(0.9))


# The same in Core ML


def test_every_layer_is_in_int8_in_a_core_ml_package_too_and_the_blend_is_not(tiny):
    from edge.backends.coreml.mil_interpreter import MILProgram

    program = MILProgram(tiny.artifact(2, "int8", "coreml") / "forward.mlpackage")
    made_by = {operation.output: operation.kind for operation in program._operations}
    layers = [operation for operation in program._operations if operation.kind == "conv"]
    inputs = [made_by.get(each.arguments["x"][0], "") for each in layers]
    encoder, hoisted, means, blend = HEAD_COPIES + 3, 1, QUERIES, 2
    assert inputs.count("dequantize") == encoder + hoisted + QUERIES
    assert len(layers) - inputs.count("dequantize") == means + blend


class Dividing(torch.fx.Interpreter):
    """A graph that divides by its scales, as Core ML does; PyTorch multiplies by their reciprocals, and of
    values that lie between two codes a few in a million are rounded the other way."""

    def call_function(self, target, args, kwargs):
        if target is not torch.ops.quantized_decomposed.quantize_per_tensor.default:
            return super().call_function(target, args, kwargs)
        x, scale, zero_point, low, high, dtype = args
        return ((x / torch.tensor(scale)).round() + zero_point).clamp(low, high).to(dtype)


def test_a_core_ml_program_with_float32_scales_is_the_fake_quantised_graph(tiny, tmp_path):
    """With float16 scales, those of the artifact, roundings fall otherwise, and are as many."""
    from edge.backends.coreml.export import convert
    from edge.backends.coreml.mil_interpreter import MILProgram

    lr = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    graph = tiny.fake_quantised(2)["forward"]
    convert(graph, {"lr": lr.shape}, "sr", "fp32", tmp_path / "forward.mlpackage")
    found = MILProgram(tmp_path / "forward.mlpackage").run({"lr": lr})["sr"]
    with torch.no_grad():
        expected = Dividing(graph).run(torch.from_numpy(lr)).numpy()
        multiplied = graph(torch.from_numpy(lr)).numpy()
        fp32 = methods_of(tiny.model, 2, 64)[0].module(torch.from_numpy(lr)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert psnr(found, multiplied) > 90
    for target in ("coreml", "coreml-pte"):
        artifact = Artifact.open(tiny.artifact(2, "int8", target))
        assert psnr(artifact(lr), fp32) > psnr(expected, fp32) - 1
