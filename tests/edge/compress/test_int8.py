"""Static int8: what is quantised, on which pictures, and that the program is the graph."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from quantized import quantize_methods
from torch import nn

from edge.backends.xnnpack.export import lower_to_xnnpack
from edge.backends.xnnpack.runtime import HostProgram
from edge.card_reader import read_card
from edge.compress.calibration import CALIBRATION_TILE, KEPT, calibration_tiles
from edge.errors import BadInput
from edge.images.extremes import calibration_extremes
from edge.images.metrics import psnr
from edge.run.artifact import Artifact
from models import LIIF, LIIFConfig
from models.family import Method
from models.liif.int8_form import HEAD, HEAD_COPIES, INT8_RULES, SHIFT, WIDEST_FLOAT, int8_rules
from models.liif.programs import methods_of
from quantize.quantizer import LAYERS, count_int8_layers, module_path
from quantize.spec import PLAIN

QUERIES = 16  # ×2: four phases of four neighbours


def quantised(methods: list[Method], model: LIIF, tiles: list[np.ndarray]) -> dict[str, nn.Module]:
    return quantize_methods(methods, model, tiles, "test")[0]


def plain() -> LIIF:
    """Without local ensemble: four queries instead of 16, so quicker to trace."""
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16, 16), local_ensemble=False)
    return LIIF(config).eval()


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


# Ranges at run time


def dynamic(methods: list[Method], model: LIIF, tiles: list[np.ndarray]) -> dict[str, nn.Module]:
    return quantize_methods(methods, model, tiles, "test", dynamic=True)[0]


def test_with_ranges_at_run_time_the_head_and_the_narrow_layers_of_the_mlp_stay_float(tiny):
    folder = tiny.artifact(2, "int8-dynamic")
    encoder, hoisted = 3, 1
    quantisation = read_card(folder).quantisation
    assert quantisation.quantised_layers == encoder + hoisted
    assert quantisation.float_layers == [HEAD, "layers.0"]
    assert "dynamic" in quantisation.scheme and "static" not in quantisation.scheme


def test_a_layer_of_the_mlp_is_narrow_by_its_inputs():
    model = LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(WIDEST_FLOAT + 8, WIDEST_FLOAT)))
    assert int8_rules(model).dynamic_float_layers == (HEAD, "layers.1")


@pytest.mark.parametrize("scale", [2, "any"])
def test_a_program_with_ranges_at_run_time_computes_its_fake_quantised_graph(tiny, scale):
    """Not to the bit: where a value lies between two codes, XNNPACK and PyTorch round it differently."""
    methods = methods_of(tiny.model, None if scale == "any" else scale, 64)
    graphs = dynamic(methods, tiny.model, list(calibration_tiles(None)))
    program = HostProgram(tiny.artifact(scale, "int8-dynamic") / "model.pte")
    for method in methods:
        inputs = method.example({"h": 37, "w": 29, "n": 53}, seed=1)
        names = [tensor.name for tensor in method.inputs]
        arrays = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        found = program.run(method.name, arrays)
        with torch.no_grad():
            graph, fp32 = graphs[method.name](*inputs).numpy(), method.module(*inputs).numpy()
        if count_int8_layers(graphs[method.name]):
            assert psnr(found, graph) > psnr(graph, fp32) + 1
            assert 25 < psnr(found, fp32) < 100
        else:  # at any scale the decoder's layers are all narrow
            assert (scale, method.name) == ("any", "decode")
            assert psnr(found, fp32) > 120


def test_ranges_at_run_time_fit_pictures_that_calibration_never_saw():
    model = plain()
    (method,) = methods_of(model, 2, 64)
    rng = np.random.default_rng(0)
    dark = [(rng.random((1, 3, 48, 48)) * 0.1).astype(np.float32) for _ in range(4)]
    bright = torch.from_numpy(1 - dark[0])
    static, at_run_time = (make([method], model, dark)["forward"] for make in (quantised, dynamic))
    with torch.no_grad():
        outside, fitting = (
            (graph(bright) - method.module(bright)).square().mean() for graph in (static, at_run_time)
        )
    assert outside > 1.3 * fitting


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


# Calibration tiles


def of_folder(folder, model=None):
    """The tiles that a folder adds to the built-in ones."""
    return calibration_tiles(folder, model)[len(calibration_tiles(None)) :]


def save_picture(path, height: int, width: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


def test_the_built_in_pictures_give_real_tiles_the_same_every_time():
    tiles = calibration_tiles(None)
    assert {tile.shape for tile in tiles} == {(1, 3, CALIBRATION_TILE, CALIBRATION_TILE)}
    assert all(tile.dtype == np.float32 and tile.min() >= 0 and tile.max() <= 1 for tile in tiles)
    assert sum(float(tile.std()) > 0.05 for tile in tiles) > len(tiles) / 2
    assert all(map(np.array_equal, tiles, calibration_tiles(None)))


def test_a_folder_gives_tiles_of_its_own_pictures(tmp_path):
    for number in range(3):
        Image.new("RGB", (60, 50), (number, 100, 200)).save(tmp_path / f"{number}.png")
    tiles = of_folder(tmp_path)
    assert sorted({round(255 * float(tile[0, 0, 0, 0])) for tile in tiles}) == [0, 1, 2]


def test_a_folder_adds_to_the_built_in_pictures_and_replaces_none(tmp_path):
    save_picture(tmp_path / "a.png", 60, 60)
    found = calibration_tiles(tmp_path, plain())
    built_in = calibration_tiles(None)
    assert len(found) > len(built_in)
    assert all(map(np.array_equal, found, built_in))


def test_of_a_large_folder_pictures_are_taken_from_all_over_it(tmp_path):
    for number in range(130):
        Image.new("RGB", (48, 48), (number, 0, 0)).save(tmp_path / f"{number:03}.png")
    reds = {round(255 * float(tile[0, 0, 0, 0])) for tile in of_folder(tmp_path)}
    assert len(reds) <= 64
    assert min(reds) < 5 and max(reds) > 124


def test_a_model_chooses_the_tiles_of_a_folder_that_reach_farthest(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(40):
        Image.new("RGB", (48, 48), (number, number, number)).save(tmp_path / f"{number:02}.png")
    for number in range(20):
        noise = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number:02}-noise.png")
    tiles = of_folder(tmp_path, plain())
    assert len(tiles) == KEPT
    assert all(float(tile.std()) > 0.1 for tile in tiles)


def test_a_black_folder_calibrates_to_finite_numbers(tmp_path):
    Image.new("RGB", (60, 60)).save(tmp_path / "black.png")
    model = plain()
    (method,) = methods_of(model, 2, 64)
    graph = quantised([method], model, calibration_tiles(tmp_path, model))["forward"]
    with torch.no_grad():
        assert torch.isfinite(graph(*method.example({"h": 9, "w": 7}))).all()


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("none here")
    with pytest.raises(BadInput, match=r"expected pictures .*, found none"):
        calibration_tiles(tmp_path)


def test_pictures_smaller_than_a_tile_are_refused_with_the_size_found(tmp_path):
    save_picture(tmp_path / "a.png", 47, 300)
    with pytest.raises(BadInput, match="at least 48x48 pixels to calibrate on, found sides down to 47"):
        calibration_tiles(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path):
    save_picture(tmp_path / "a.png", 60, 60)
    with pytest.raises(BadInput, match="expected a folder of pictures, found a file"):
        calibration_tiles(tmp_path / "a.png")
    with pytest.raises(BadInput, match="expected a folder of pictures, found nothing there"):
        calibration_tiles(tmp_path / "gone")


def test_a_damaged_picture_among_them_is_refused(tmp_path):
    save_picture(tmp_path / "a.png", 60, 60)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    with pytest.raises(BadInput, match=r"b\.png"):
        calibration_tiles(tmp_path)


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
