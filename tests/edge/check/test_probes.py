"""A planted fault is found at the probe where it was planted, and named."""

import copy
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from bundles import make_bundle
from quantized import quantize_methods
from torch import nn

from edge.card import Card
from edge.card_reader import read_card
from edge.check.probes import PROBES, check_probes, compare_probes, explain, run_probes
from edge.compress.calibration import calibration_tiles
from edge.images.pictures import baseline_pictures
from edge.pipeline import build_artifact
from edge.precisions import NUMERICS
from edge.recipe import ArtifactSpec, Recipe
from edge.run.artifact import Artifact
from edge.super_resolution import build_of
from models import LIIF, LIIFConfig
from models.liif.programs import methods_of, probes_of

SIDE = 32  # of the bundle's pictures


class Eager:
    """An artifact's methods run by PyTorch, so that faults can be planted without lowering."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = dict(modules)
        self.about = {"device": "PyTorch"}

    def run(self, method: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            return self.modules[method](*(torch.from_numpy(v.copy()) for v in inputs.values())).numpy()


class Meddled:
    """A device that changes what goes in (``before``) or what comes out of ``forward`` (``after``)."""

    def __init__(self, program: Eager, before: Callable = lambda x: x, after: Callable = lambda x: x) -> None:
        self.program, self.before, self.after = program, before, after
        self.about = program.about

    def run(self, method: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        output = self.program.run(method, {name: self.before(v) for name, v in inputs.items()})
        return self.after(output) if method == "forward" else output


def probed(card: Card) -> Card:
    """The card of the same artifact built with a method per probe."""
    (forward,) = card.methods
    names = ("input", "features", "colours")
    return card.model_copy(
        update={"methods": [forward, *(forward.model_copy(update={"name": n}) for n in names)]}
    )


def modules_of(model: LIIF) -> dict[str, nn.Module]:
    return {method.name: method.module for method in (*methods_of(model, 2, 64), *probes_of(model, 2, 64))}


@pytest.fixture(scope="module")
def card(tiny) -> Card:
    return probed(read_card(tiny.artifact(2, "fp32")))


def test_a_faultless_artifact_passes_every_probe(tiny, card, bundle):
    artifact = Artifact(card, Eager(modules_of(tiny.model)))
    outputs = run_probes(artifact, bundle)
    assert len(outputs) == 5 * len(bundle.tiles)
    seen = list(outputs)
    assert len(seen) == len(outputs)
    result = compare_probes(seen, bundle, card.precision)
    assert result.probes == check_probes(artifact, bundle).probes
    assert result.passed and result.first_failure is None
    assert [probe.probe for probe in result.probes] == list(PROBES)
    assert [picture.name for picture in result.pictures] == list(bundle.provenance.names)
    assert result.probes[0].psnr_db == np.inf and result.probes[0].percentile_5_db == 200


def flipped(model: LIIF, layer: Callable[[LIIF], nn.Module]) -> LIIF:
    """The network with the sign of one weight turned: its layer's largest."""
    faulty = copy.deepcopy(model)
    weight = layer(faulty).weight.data
    weight.view(-1)[weight.abs().argmax()] *= -1
    return faulty


@pytest.mark.parametrize(
    ("layer", "probe"),
    [
        (lambda m: m.encoder.head[0], "features"),
        (lambda m: m.encoder.body[-1], "features"),
        (lambda m: m.imnet.linears[0], "colours"),
        (lambda m: m.imnet.linears[-1], "colours"),
    ],
)
def test_one_flipped_sign_is_found_in_the_part_that_has_it(tiny, card, bundle, layer, probe):
    program = Eager(modules_of(flipped(tiny.model, layer)))
    first = check_probes(Artifact(card, program), bundle).first_failure
    assert first.probe == probe
    assert first.worst.psnr_db < first.limit_db


def test_a_flipped_sign_in_the_blend_is_found_after_the_colours(tiny, card, bundle):
    modules = modules_of(tiny.model)
    kernel = modules["forward"].blend_kernel
    kernel.view(-1)[kernel.abs().argmax()] *= -1
    assert check_probes(Artifact(card, Eager(modules)), bundle).first_failure.probe == "tile"


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (lambda x: x[:, ::-1], "the channels seem to be reversed (BGR)"),
        (lambda x: x * np.float32(255), "the range seems to be [0, 255], not [0, 1]"),
        (lambda x: x * 2 - 1, "the range seems to be [-1, 1], not [0, 1]"),
    ],
)
def test_wrong_colours_are_found_where_the_program_receives_them(tiny, card, bundle, mistake, hint):
    program = Meddled(Eager(modules_of(tiny.model)), before=mistake)
    first = check_probes(Artifact(card, program), bundle).first_failure
    assert (first.probe, first.hint) == ("input", hint)


def test_channels_swapped_on_the_way_out_are_found_at_the_tile(tiny, card, bundle):
    program = Meddled(Eager(modules_of(tiny.model)), after=lambda x: x[:, ::-1])
    first = check_probes(Artifact(card, program), bundle).first_failure
    assert (first.probe, first.hint) == ("tile", "the channels seem to be reversed (BGR)")


@pytest.mark.parametrize(
    ("axis", "by", "where"), [(2, 1, "down"), (2, -1, "up"), (3, 1, "right"), (3, -1, "left")]
)
def test_a_tile_that_is_shifted_by_one_pixel_is_found_and_its_direction_told(
    tiny, card, bundle, axis, by, where
):
    program = Meddled(Eager(modules_of(tiny.model)), after=lambda x: np.roll(x, by, axis))
    first = check_probes(Artifact(card, program), bundle).first_failure
    assert (first.probe, first.hint) == ("tile", f"the picture seems to be shifted {where} by one pixel")


def test_a_shift_that_only_stitching_has_is_found_there(tiny, card, bundle):
    def shift_parts(x: np.ndarray) -> np.ndarray:
        return x if x.shape[2] == 2 * SIDE else np.roll(x, 1, axis=3)

    program = Meddled(Eager(modules_of(tiny.model)), after=shift_parts)
    assert check_probes(Artifact(card, program), bundle).first_failure.probe == "picture"


def test_int8_scales_of_another_layer_are_found(tiny, bundle):
    card = probed(read_card(tiny.artifact(2, "int8")))
    methods = {m.name: m for m in (*methods_of(tiny.model, 2, 64), *probes_of(tiny.model, 2, 64))}
    deep = [method for name, method in methods.items() if name != "input"]
    graphs, _ = quantize_methods(deep, tiny.model, calibration_tiles(None), "the same")
    modules = {**graphs, "input": methods["input"].module}
    whole = check_probes(Artifact(card, Eager(modules)), bundle)
    assert whole.passed
    for name in ("colours", "forward"):
        exchange_scales(modules[name])
    first = check_probes(Artifact(card, Eager(modules)), bundle).first_failure
    assert first.probe == "colours"
    assert whole.probes[2].psnr_db - first.psnr_db > 6


def exchange_scales(graph: nn.Module) -> None:
    """Gives the output of every MLP layer the range of the network's first int8 tensor."""
    nodes = [
        n for n in graph.graph.nodes if "quantize_per_tensor" in str(n.target) and "weight" not in n.name
    ]
    first = nodes[0]
    for node in nodes[len(nodes) // 2 :]:
        node.args = (node.args[0], *first.args[1:3], *node.args[3:])
    graph.recompile()


def test_a_stale_program_of_another_checkpoint_is_found_in_the_features(card, bundle):
    torch.manual_seed(1)
    other = LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16,))).eval()
    first = check_probes(Artifact(card, Eager(modules_of(other))), bundle).first_failure
    assert first.probe == "features"


def test_nan_in_one_tile_is_found_and_the_tile_named(tiny, card, bundle):
    count = iter(range(1000))

    def break_the_second(x: np.ndarray) -> np.ndarray:
        if next(count) == 1:
            x[0, 1, 5, 5] = np.nan
        return x

    program = Meddled(Eager(modules_of(tiny.model)), after=break_the_second)
    first = check_probes(Artifact(card, program), bundle).first_failure
    assert first.probe == "tile"
    assert first.worst.name == bundle.tiles[1].name
    assert all(failure.startswith(bundle.tiles[1].name) for failure in first.failures)
    assert first.hint.endswith("of the values are NaN or infinite")
    assert np.isnan(first.psnr_db)


def test_a_program_with_probes_runs_them_all_and_holds_its_weights_once(tmp_path):
    torch.manual_seed(0)
    model = LIIF(LIIFConfig(n_feats=32, block_widths=(32,), hidden_widths=(128,))).eval()
    bundle = make_bundle(model, baseline_pictures(None, SIDE), 2.0)
    sizes = []
    for probes in (False, True):
        spec = ArtifactSpec(2, "fp32")
        recipe = Recipe((spec,), tile=32, max_tile=64, halo=4, probes=probes)
        artifact = Artifact.open(build_artifact(build_of(model, recipe, spec), tmp_path / str(probes)))
        result = check_probes(artifact, bundle)
        assert result.passed
        assert [s.probe for s in result.probes] == (list(PROBES) if probes else ["tile", "picture"])
        sizes.append(artifact.card.programs["model.pte"].bytes)
    assert sizes[1] < 1.2 * sizes[0]


def test_any_scale_artifacts_have_no_colours_before_the_host_blends(tiny, bundle):
    artifact = Artifact.open(tiny.artifact("any", "fp32"))
    assert [s.probe for s in check_probes(artifact, bundle).probes] == ["tile", "picture"]


def test_an_error_that_nothing_explains_has_no_hint():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 9, 9), dtype=np.float32)
    assert explain(a, b) == ""


def test_every_precision_has_a_threshold_for_every_probe():
    for limits in (numerics.probes_db for numerics in NUMERICS.values()):
        assert limits.keys() == PROBES.keys()
