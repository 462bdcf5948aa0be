"""A lowered program runs at every tile size, with everything in XNNPACK, or it is not made."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from executorch.exir._serialize._program import deserialize_pte_binary
from quantized import quantize_methods
from torch import Tensor, nn

from edge.backends.xnnpack.export import delegate, lower_to_xnnpack
from edge.backends.xnnpack.graph import LAYER_FIELDS, NODES, Graph, delegated_graphs, plan_of
from edge.compress.calibration import calibration_tiles
from edge.errors import ExportError
from edge.run.artifact import Artifact
from models import LIIF, LIIFConfig
from models.family import TRACE_SIZES, Method, TensorSpec
from models.liif.int8_form import HEAD_COPIES
from models.liif.programs import MAX_ROWS, methods_of

STATIC_TRANSPOSE = 5  # tag of a node


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, lr: Tensor) -> Tensor:
        out: Tensor = self.conv(lr)
        return out


class ConvAndSum(Conv):
    """Behind a layer which XNNPACK has, a running sum, which it has not."""

    def forward(self, lr: Tensor) -> Tensor:
        return torch.cumsum(super().forward(lr), dim=1)


def lowered(module: nn.Module) -> bytes:
    picture = TensorSpec("lr", (1, 3, "h", "w"), (0.0, 1.0))
    limits = {"h": 64, "w": 64}
    method = Method("forward", module.eval(), (picture,), TensorSpec("sr", (1, 3, "h", "w")), limits)
    return lower_to_xnnpack({"forward": method.trace()})


def test_operators_that_xnnpack_lacks_are_named_and_nothing_is_made():
    with pytest.raises(ExportError, match=r"method forward: expected everything in XNNPACK.*cumsum"):
        lowered(ConvAndSum())


def test_the_same_layer_alone_is_lowered():
    assert lowered(Conv())[4:6] == b"ET"


@pytest.mark.parametrize("scale", [2, None])
@pytest.mark.parametrize("precision", ["fp32", "int8", "int8-dynamic"])
def test_a_program_is_that_of_all_of_xnnpacks_passes_on_symbolic_sizes(scale, precision, monkeypatch):
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(8, 8), local_ensemble=False)
    model = LIIF(config).eval()
    methods = methods_of(model, scale, 64)
    if precision != "fp32":
        tiles = calibration_tiles(None)[:2]
        found, _ = quantize_methods(methods, model, tiles, "two", dynamic=precision == "int8-dynamic")
        methods = [replace(method, module=found[method.name]) for method in methods]
    programs = {method.name: method.trace() for method in methods}
    quick = lower_to_xnnpack(programs)
    monkeypatch.setattr("edge.backends.xnnpack.export.quick_passes", nullcontext)
    assert quick == lower_to_xnnpack(programs)


@pytest.mark.parametrize("shape", [(1, 1), (1, 33), (33, 1), (1, 64), (64, 64), (2, 3)])
def test_a_program_serves_every_size_up_to_its_largest(tiny, shape):
    artifact = Artifact.open(tiny.artifact(2, "fp32"))
    lr = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = tiny.model(lr, (2 * shape[0], 2 * shape[1])).numpy()
    assert abs(artifact.forward(lr.numpy()) - expected).max() <= 1e-5


@pytest.mark.parametrize("n", [1, 7, 1000, MAX_ROWS])
def test_a_decoder_serves_every_number_of_rows_up_to_its_largest(tiny, n):
    decode = methods_of(tiny.model, None, 64)[1]
    rows, coordinates = decode.example({"n": n})
    with torch.no_grad():
        expected = decode.module(rows, coordinates).numpy()
    program = Artifact.open(tiny.artifact("any", "fp32"))._program
    found = program.run("decode", {"rows": rows.numpy(), "coordinates": coordinates.numpy()})
    assert abs(found - expected).max() <= 1e-5


def test_the_delegate_runs_one_query_after_the_other(tiny):
    """Side by side, their activations would be alive at once: several times the memory."""
    method = methods_of(tiny.model, 2, 64)[0]
    lowered = delegate({"forward": method.trace()}).exported_program("forward").graph_module
    calls = [getattr(lowered, node.target) for node in lowered.graph.nodes if node.op == "get_attr"]
    network = max(calls, key=lambda call: len(call.processed_bytes))
    data = network.named_data_store_output
    named = {key: bytes(data.buffers[entry.buffer_index]) for key, entry in data.pte_data.items()}
    graph = Graph(bytes(network.processed_bytes), named)
    kinds = "".join("c" if node.tag() in LAYER_FIELDS else "." for node in graph._root.tables(NODES))
    assert len(method.module.queries) == 16
    assert "c" + 15 * "..c" in kinds  # sixteen, and between two of them what belongs to one


def test_the_sizes_of_a_trace_are_not_those_of_the_network():
    default = LIIFConfig()
    widths = {default.n_feats, *default.block_widths, *default.hidden_widths, default.mlp_in, 3, 4}
    assert not widths & set(TRACE_SIZES.values())
    assert len(set(TRACE_SIZES.values())) == len(TRACE_SIZES)


@pytest.mark.parametrize("scale", [2, 3, 4, None])
def test_methods_describe_what_their_modules_take_and_return(scale):
    torch.manual_seed(0)
    model = LIIF(LIIFConfig(n_feats=4, block_widths=(4,), hidden_widths=(8,))).eval()
    sizes = {"h": 5, "w": 7, "n": 6}
    for method in methods_of(model, scale, 64):
        inputs = method.example(sizes)
        assert [tuple(x.shape) for x in inputs] == [spec.sized(sizes) for spec in method.inputs]
        with torch.no_grad():
            output = method.module(*inputs)
        products = {f"{scale}*{d}": (scale or 1) * n for d, n in sizes.items()}
        assert tuple(output.shape) == method.output.sized({**sizes, **products})
        assert set(method.variable) == ({"n"} if method.name == "decode" else {"h", "w"})


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_nothing_is_transposed_between_layers(tiny, precision):
    (path,) = tiny.artifact(2, precision).glob("*.pte")
    file = deserialize_pte_binary(path.read_bytes())
    transposed = [
        graph._values[node.table(1).uint(2)].dims
        for _, _, graph in delegated_graphs(file, plan_of(file, "forward"))
        for node in graph._root.tables(NODES)
        if node.tag() == STATIC_TRANSPOSE
    ]
    pictures = [dims for dims in transposed if dims.count(64) == 2]
    # What comes in, for each copy of the first layer; the ones to blend; what goes out, and its shuffle.
    assert len(pictures) == (HEAD_COPIES if precision == "int8" else 1) + 1 + 2
