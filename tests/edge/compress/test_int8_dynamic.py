"""Int8 with ranges at run time: which layers stay float, and that the program is the graph."""

import numpy as np
import pytest
import torch
from quantized import plain, quantised, quantize_methods
from torch import nn

from edge.backends.xnnpack.runtime import HostProgram
from edge.card_reader import read_card
from edge.compress.calibration import calibration_tiles
from edge.images.metrics import psnr
from models import LIIF, LIIFConfig
from models.family import Method
from models.liif.int8_form import HEAD, WIDEST_FLOAT, int8_rules
from models.liif.programs import methods_of
from quantize.quantizer import count_int8_layers


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
