"""A range that clips, is too coarse or starts elsewhere is found in the layer where it was planted."""

import struct

import numpy as np
import pytest
from planted_faults import CoreMLFault, Int8Layer, damaged, look

from edge.check.layers import LayerCheck, LayerError
from models.liif.int8_form import STEP, ZERO_POINT


def test_a_range_that_is_too_narrow_is_found_where_it_is_though_all_weights_are_right(tiny, bundle, tmp_path):
    scale = Int8Layer(tiny, "encoder.body.0.body.2").made_scale
    old, new = (struct.pack("<f", value) for value in (scale, scale / 8))
    check = look(damaged(tiny.artifact(2, "int8"), tmp_path / "wrong", old, new), tiny, bundle)
    assert check.layers[0].layer == check.first_suspect.layer == "encoder.body.0.body.2"
    assert check.layers[0].added_db < 10 and check.layers[0].kernel_steps < 1
    assert check.layers[0].cause == "range" and not check.failures


# Of layers whose int8 output no other layer reads, so that no bias has to follow a new scale.
RANGES = ["encoder.head.0", "encoder.body.0.body.2", "encoder.body.1", "imnet.layers.0"]


def only_wrong_range(check: LayerCheck) -> LayerError:
    """The layer whose range is found to be wrong, and nothing else is."""
    (found,) = (error for error in check.layers if error.cause is not None)
    assert found.cause == "range" and not check.failures
    assert check.first_suspect == check.worst_range == found
    return found


@pytest.mark.parametrize("layer", RANGES)
def test_three_quarters_of_a_range_are_found_where_they_are(tiny, bundle, tmp_path, layer):
    held = Int8Layer(tiny, layer)
    less = struct.pack("<fi", 0.75 * held.made_scale, held.made_zero_point)
    wrong = damaged(tiny.artifact(2, "int8"), tmp_path / "wrong", held.stored_range, less)
    found = only_wrong_range(look(wrong, tiny, bundle))
    assert found.layer == layer and found.range_fit.activation == "output"
    assert found.range_fit.width == pytest.approx(0.75, abs=0.05)
    assert found.range_fit.colours.reach > 1.2
    assert found.range_fit.colours.clipped > 1e-4
    assert "output reaches" in found.range_fit.in_words and "on pure colours" in found.range_fit.in_words


@pytest.mark.parametrize(
    ("layer", "other"),
    [("encoder.body.0.body.2", "encoder.body.1"), ("encoder.body.1", "encoder.body.0.body.2")],
    ids=["coarser", "finer"],
)
def test_the_scale_of_another_layers_output_is_found_where_it_is(tiny, bundle, tmp_path, layer, other):
    held = Int8Layer(tiny, layer)
    swapped = struct.pack("<fi", Int8Layer(tiny, other).made_scale, held.made_zero_point)
    wrong = damaged(tiny.artifact(2, "int8"), tmp_path / "wrong", held.stored_range, swapped)
    assert only_wrong_range(look(wrong, tiny, bundle)).layer == layer


@pytest.mark.parametrize(
    ("layer", "activation", "stored", "by"),
    [("imnet.layers.0", "output", None, 1), ("encoder.head.0", "input", (STEP, ZERO_POINT), -1)],
    ids=["of a ReLU's output", "of the picture"],
)
def test_a_zero_point_off_by_one_is_found_where_it_is_known(
    tiny, bundle, tmp_path, layer, activation, stored, by
):
    held = Int8Layer(tiny, layer)
    scale, zero_point = stored or (held.made_scale, held.made_zero_point)
    old, new = (struct.pack("<fi", scale, number) for number in (zero_point, zero_point + by))
    found = only_wrong_range(
        look(damaged(tiny.artifact(2, "int8"), tmp_path / "wrong", old, new), tiny, bundle)
    )
    assert (found.layer, found.range_fit.activation) == (layer, activation)
    assert found.range_fit.shift == pytest.approx(-by, abs=0.01)
    assert f"starts {-by:+.2f} steps from where it has to" in found.range_fit.in_words


BOTH = ("quantize", "dequantize")
PLACES = {"encoder.body.0.body.0": 3, "encoder.body.0.body.2": 4, "encoder.body.1": 5}  # behind three heads


@pytest.mark.parametrize(
    ("layer", "scale_of"),
    [("encoder.body.0.body.0", None), ("encoder.body.0.body.2", "encoder.body.1")],
    ids=["three quarters", "of another layer"],
)
def test_a_wrong_scale_in_a_core_ml_package_names_its_layer(tiny, bundle, tmp_path, layer, scale_of):
    fault = CoreMLFault(tiny, tmp_path / "wrong")
    own, other = (fault.layers[PLACES[name]].rounding for name in (layer, scale_of or layer))
    fault.change(own, "scale", np.float16(other.scale if scale_of else 0.75 * own.scale), BOTH)
    assert only_wrong_range(look(fault.write(), tiny, bundle)).layer == layer


@pytest.mark.parametrize("activation", ["input", "output"])
def test_a_zero_point_that_is_one_off_for_the_reader_names_its_layer(tiny, bundle, tmp_path, activation):
    fault = CoreMLFault(tiny, tmp_path / "wrong")
    layer = fault.layers[PLACES["encoder.body.1"]]
    rounding = layer.reads if activation == "input" else layer.rounding
    fault.change(rounding, "zero_point", np.int8(rounding.zero_point + 1), ("dequantize",))
    check = look(fault.write(), tiny, bundle)
    assert [error.layer for error in check.layers if error.cause] == ["encoder.body.1"]
    assert check.layers[0].cause == "kernel" and len(check.failures) == 1
    assert check.layers[0].kernel_steps == pytest.approx(1.5, abs=0.15)
