"""A plan says which layers stay float; what it says wrong is named, and budgets are met or refused."""

import json

import pytest

from edge.errors import BadInput
from edge.layer_plan import (
    PROGRAM_BYTES,
    Budget,
    Choice,
    LayerPlan,
    check_plan,
    choose,
    plan_of,
    read_plan,
)

LAYERS = ["encoder.head.0", "encoder.body.0.body.0", "hoisted", "layers.0"]
WEIGHTS = {"a": 1_000, "b": 1_000, "c": 100_000}
COST = {"a": 0.05, "b": 0.01, "c": 0.03}


def plan(**changes: object) -> LayerPlan:
    return LayerPlan.model_validate({"layers": {"hoisted": "float"}, **changes})


def loss(float_layers) -> float:
    return sum(cost for path, cost in COST.items() if path not in float_layers)


def test_a_plan_comes_back_as_it_was_written(tmp_path):
    written = plan_of(Choice(("hoisted",), 0.0123, 2_000_000), LAYERS, "abc", "8 cuttings")
    (tmp_path / "layers.json").write_text(written.to_json())
    assert read_plan(tmp_path / "layers.json") == written
    assert written.float_layers == ["hoisted"]
    assert list(written.layers) == LAYERS


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("not JSON", "file: Invalid JSON"),
        ("[]", "file: Input should be an object"),
        ({"layers": {"hoisted": "int4"}}, "layers.hoisted: Input should be 'int8' or 'float'"),
        ({"layers": {}, "more": 1}, "more: Extra inputs are not permitted"),
        ({}, "layers: Field required"),
        ({"schema_version": 2, "layers": {}}, "schema_version: Input should be 1"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_the_field(tmp_path, content, found):
    path = tmp_path / "layers.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(BadInput, match=found):
        read_plan(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="expected a file of layers, found No such file"):
        read_plan(tmp_path / "none.json")


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(
        BadInput, match=r"found 'encoder\.body\.0\.body\.1'; nearest: encoder\.body\.0\.body\.0"
    ):
        check_plan(plan(layers={"encoder.body.0.body.1": "float"}), LAYERS, "abc")


def test_a_plan_for_another_checkpoint_is_refused_and_one_by_hand_is_not():
    check_plan(plan(), LAYERS, "abc")
    check_plan(plan(checkpoint="abc"), LAYERS, "abc")
    with pytest.raises(BadInput, match="expected layers chosen for the checkpoint abc"):
        check_plan(plan(checkpoint="def"), LAYERS, "abc")


def test_a_plan_without_an_int8_layer_is_refused():
    with pytest.raises(BadInput, match="expected a layer in int8, found all of them float"):
        check_plan(plan(layers=dict.fromkeys(LAYERS, "float")), LAYERS, "abc")


def test_the_fewest_float_layers_are_chosen_the_costliest_per_weight_first():
    assert choose(WEIGHTS, COST, loss, Budget(0.045, None)).float_layers == ("a",)
    assert choose(WEIGHTS, COST, loss, Budget(0.03, None)).float_layers == ("a", "b")
    assert choose(WEIGHTS, COST, loss, Budget(0.1, None)).float_layers == ()


def test_a_size_is_filled_with_float_layers_as_far_as_it_goes():
    int8_bytes = PROGRAM_BYTES + sum(WEIGHTS.values())
    choice = choose(WEIGHTS, COST, loss, Budget(None, int8_bytes + 3_500))
    assert choice == Choice(("a",), pytest.approx(0.04), int8_bytes + 3_000)


@pytest.mark.parametrize(
    ("budget", "found"),
    [
        (Budget(None, 100_000), r"at most 100,000 bytes, found at best 0\.0900 dB and about 372,000 bytes"),
        (Budget(0.001, None), r"at most 0\.001 dB, found at best 0\.0300 dB .* with 2 layers float"),
        (Budget(0.035, 376_000), r"at most 0\.035 dB and 376,000 bytes, found at best 0\.0400 dB"),
    ],
)
def test_a_budget_that_cannot_be_met_is_refused_with_the_best_that_was_found(budget, found):
    with pytest.raises(BadInput, match=found):
        choose(WEIGHTS, COST, loss, budget)


@pytest.mark.parametrize("loss_db", [-0.1, float("nan")])
def test_a_loss_below_zero_is_refused(loss_db):
    with pytest.raises(BadInput, match="expected a loss of 0 dB or more"):
        Budget(loss_db, None)
