"""A planted fault is found in the layer where it was planted, in the artifact's own program."""

import json
import struct

import numpy as np
import pytest
import torch
from planted_faults import Int8Layer, check_layers, damaged, flip_the_largest, look, weight_of

from edge.card_reader import read_card
from edge.check.baseline import BaselineTile, write_bundle
from edge.check.layers import LayerCheck, LayerComparison, looked_into
from edge.cli.main import main
from edge.errors import BadArtifact, BadInput
from models import LIIF, LIIFConfig
from models.liif.programs import checkpoint_path

# Of the tiny network: head, one block, tail, the MLP's layers, and the fixed-scale form's blend.
ENCODER = ["encoder.head.0", "encoder.body.0.body.0", "encoder.body.0.body.2", "encoder.body.1"]
FIXED = [*ENCODER, "imnet.layers.0", "imnet.layers.2", "share_kernel", "blend_kernel"]
ANY = [*ENCODER, "imnet.layers.0", "imnet.layers.0 (coordinates)", "imnet.layers.2"]
MEAN = "imnet.layers.2 (mean)"  # of the last layer's copies, in int8 programs


def in_order(check: LayerCheck) -> list[str]:
    return [error.layer for error in sorted(check.layers, key=lambda error: error.position)]


@pytest.mark.parametrize(
    ("scale", "precision", "target", "layers"),
    [
        (2, "fp32", "xnnpack", FIXED),
        (2, "int8", "xnnpack", [*FIXED[:-2], MEAN, *FIXED[-2:]]),
        ("any", "fp32", "xnnpack", ANY),
        ("any", "int8", "xnnpack", [*ANY, MEAN]),
        (2, "fp32", "coreml", FIXED),
        (2, "fp16", "coreml", FIXED),
        ("any", "fp16", "coreml", ANY),
        (2, "palette6", "coreml", FIXED),
        (2, "int8", "coreml", [*FIXED[:-2], MEAN, *FIXED[-2:]]),
    ],
)
def test_a_faultless_program_shows_every_layer_and_suspects_none(
    tiny, bundle, scale, precision, target, layers
):
    check = look(tiny.artifact(scale, precision, target), tiny, bundle)
    assert in_order(check) == layers
    assert check.first_suspect is None and not check.failures
    assert check.worst_range is None
    in_int8 = {error.layer for error in check.layers if error.range_fit is not None}
    floats = {"share_kernel", "blend_kernel", MEAN, "imnet.layers.0 (coordinates)"}
    assert in_int8 == (set(layers) - floats if precision == "int8" else set())
    assert all(error.range_fit.excess_db < 0.6 for error in check.layers if error.range_fit is not None)


@pytest.mark.parametrize("layer", ["encoder.head.0", "encoder.body.0.body.2", "imnet.layers.2"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_one_flipped_sign_in_a_pte_names_its_layer(tiny, bundle, tmp_path, precision, layer):
    weight = Int8Layer(tiny, layer).codes if precision == "int8" else weight_of(tiny.model, layer)
    stored = weight.permute(0, 2, 3, 1).numpy()
    folder = tiny.artifact(2, precision)
    wrong = damaged(folder, tmp_path / "wrong", stored.tobytes(), flip_the_largest(stored).tobytes())
    check = look(wrong, tiny, bundle)
    assert check.layers[0].layer == check.first_suspect.layer == layer
    assert check.layers[0].cause == "weights"
    assert check.layers[0].weight_error == pytest.approx(2, rel=0.05)
    assert [failure.split(":")[0] for failure in check.failures] == [f"layer {layer}"]


def test_one_flipped_sign_in_a_core_ml_package_names_its_layer(tiny, bundle, tmp_path):
    layer = "encoder.body.0.body.0"
    stored = weight_of(tiny.model, layer).numpy().astype(np.float16)
    folder = tiny.artifact(2, "fp16", "coreml")
    wrong = damaged(folder, tmp_path / "wrong", stored.tobytes(), flip_the_largest(stored).tobytes())
    check = look(wrong, tiny, bundle)
    assert check.layers[0].layer == check.first_suspect.layer == layer
    assert check.layers[0].added_db < 45 and len(check.failures) == 1


def test_the_weight_scales_of_another_layer_are_found_where_they_are(tiny, bundle, tmp_path):
    old, new = (
        Int8Layer(tiny, layer).scales.float().numpy().tobytes()
        for layer in ("encoder.body.1", "encoder.head.0")
    )
    wrong = damaged(tiny.artifact(2, "int8"), tmp_path / "wrong", old, new)
    check = look(wrong, tiny, bundle)
    assert check.layers[0].layer == "encoder.body.1" and len(check.failures) == 1


def test_a_bias_in_the_wrong_scale_is_found_as_a_kernel_that_does_not_do_what_it_says(tiny, bundle, tmp_path):
    layer = "encoder.body.1"
    held = Int8Layer(tiny, layer)
    stored = (held.bias / (held.given_scale * held.scales)).round().to(torch.int32).numpy()
    wrong = damaged(tiny.artifact(2, "int8"), tmp_path / "wrong", stored.tobytes(), (4 * stored).tobytes())
    check = look(wrong, tiny, bundle)
    assert check.layers[0].layer == check.first_suspect.layer == layer
    assert check.layers[0].cause == "kernel" and len(check.failures) == 1


def test_an_error_is_added_by_its_layer_alone_and_carried_by_those_behind_it(tiny, bundle, tmp_path):
    layer = "encoder.body.0.body.0"
    stored = weight_of(tiny.model, layer).permute(0, 2, 3, 1).numpy()
    wrong = damaged(
        tiny.artifact(2, "fp32"), tmp_path / "wrong", stored.tobytes(), flip_the_largest(stored).tobytes()
    )
    errors = sorted(look(wrong, tiny, bundle).layers, key=lambda e: e.position)
    assert [e.layer for e in errors if e.added_db < 90] == [layer]
    assert [e.layer for e in errors if e.total_db < 90] == FIXED[1:6] + FIXED[7:]


def test_a_program_with_other_layers_is_refused(tiny, bundle):
    torch.manual_seed(1)
    other = LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16, 16))).eval()
    folder = tiny.artifact(2, "fp32")
    with pytest.raises(BadArtifact, match=r"in place of imnet\.layers\.2"):
        check_layers(folder, read_card(folder), other, bundle.tiles)


def test_a_program_of_another_target_is_refused(tiny, bundle):
    folder = tiny.artifact(2, "fp32")
    card = read_card(folder).model_copy(update={"target": "another"})
    with pytest.raises(BadInput, match="expected an artifact for xnnpack or coreml"):
        check_layers(folder, card, tiny.model, bundle.tiles)


def test_a_precision_that_shows_no_layers_is_refused(tiny, bundle):
    with pytest.raises(BadInput, match=r"artifact in fp32, .*, found one in int8-dynamic"):
        look(tiny.artifact(2, "int8-dynamic"), tiny, bundle)


def test_the_steps_are_as_many_as_they_say(tiny, bundle):
    folder = tiny.artifact(2, "int8")
    steps = LayerComparison(folder, read_card(folder), tiny.model, bundle.tiles).steps()
    assert len(steps) == len(list(steps)) > len(looked_into(bundle.tiles, read_card(folder)))


def test_no_more_tiles_are_looked_into_than_show_something_soon(tiny):
    card = read_card(tiny.artifact(2, "fp32"))
    tiles = [
        BaselineTile(str(n), np.zeros((3, 64, 48), np.float32), *3 * [np.zeros(1, np.float32)])
        for n in range(9)
    ]
    assert [tile.shape for tile in looked_into(tiles, card)] == 4 * [(1, 3, 32, 32)]
    large = card.model_copy(update={"tile": card.tile.model_copy(update={"fixed": 128})})
    assert len(looked_into(tiles, large)) == 1


@pytest.mark.parametrize(
    ("path", "weight", "name"),
    [
        ("encoder.body.3.body.0", "", "encoder.body.3.body.0"),
        ("hoisted", "", "imnet.layers.0"),
        ("layers.0", "", "imnet.layers.2"),
        ("layers.3", "", "imnet.layers.8"),
        ("layers.3.mean", "", "imnet.layers.8 (mean)"),
        ("", "blend_kernel", "blend_kernel"),
    ],
)
def test_layers_are_called_what_the_checkpoint_calls_them(path, weight, name):
    assert checkpoint_path(path, weight) == name


def test_the_command_prints_the_layers_writes_them_and_fails_for_wrong_weights(tiny, bundle, tmp_path, capfd):
    stored = weight_of(tiny.model, "encoder.body.1").permute(0, 2, 3, 1).numpy()
    old, new = stored.tobytes(), flip_the_largest(stored).tobytes()
    wrong = damaged(tiny.artifact(2, "fp32"), tmp_path / "wrong", old, new)
    write_bundle(bundle, tmp_path / "b.npz", False)
    common = ["--layers", "--baseline", str(tmp_path / "b.npz"), "--checkpoint", str(tiny.checkpoint)]
    assert main(["check", str(wrong), *common, "--report", str(tmp_path / "r.html")]) == 1
    said = capfd.readouterr().out
    assert "look at encoder.body.1, the first in the network's order: its weights differ" in said
    assert "passed" not in said
    page = (tmp_path / "r.html").read_text()
    assert '<table id="layers">' in page and "weights, first" in page
    assert main(["check", str(tiny.artifact(2, "fp32")), *common, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert sorted(entry["layer"] for entry in found["layers"]) == sorted(FIXED)
    assert found["passed"] and found["first_suspect_layer"] is None and found["layer_failures"] == []
    assert found["worst_range_layer"] is None


def test_the_command_names_the_range_that_clips_and_by_how_much(tiny, bundle, tmp_path, capfd):
    held = Int8Layer(tiny, "encoder.body.1")
    less = struct.pack("<fi", 0.75 * held.made_scale, held.made_zero_point)
    wrong = damaged(tiny.artifact(2, "int8"), tmp_path / "wrong", held.stored_range, less)
    write_bundle(bundle, tmp_path / "b.npz", False)
    common = ["--layers", "--baseline", str(tmp_path / "b.npz"), "--checkpoint", str(tiny.checkpoint)]
    main(["check", str(wrong), *common, "--report", str(tmp_path / "r.html")])
    said, page = " ".join(capfd.readouterr().out.split()), (tmp_path / "r.html").read_text()
    for text in (said, page):
        assert "range that fits worst is of encoder.body.1: its output reaches 1." in text
        assert "on pure colours" in text and "times as wide as the best" in text
    main(["check", str(wrong), *common, "--json"])
    found = json.loads(capfd.readouterr().out)
    assert found["worst_range_layer"] == "encoder.body.1"
    fit = next(entry["range_fit"] for entry in found["layers"] if entry["layer"] == "encoder.body.1")
    assert fit["activation"] == "output" and fit["excess_db"] > 1 and 0.7 < fit["width"] < 0.8
    assert fit["colours"]["reach"] > 1.2 and 0 < fit["colours"]["clipped"] < 1


def test_layers_need_the_checkpoint_that_the_artifact_was_made_of(tiny, bundle, tmp_path, capfd):
    write_bundle(bundle, tmp_path / "b.npz", False)
    arguments = ["check", str(tiny.artifact(2, "fp32")), "--layers", "--baseline", str(tmp_path / "b.npz")]
    assert main(arguments) == 2
    assert "expected --checkpoint to be the artifact's" in capfd.readouterr().err
