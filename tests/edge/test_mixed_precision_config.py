"""A config says how wide each layer is; what it says wrong is named, and budgets are met or refused."""

import json

import pytest

from edge.compress.mixed_precision import Budget, Choice, Option, choose, config_of
from edge.errors import BadInput
from edge.mixed_precision_config import MixedPrecisionConfig, check_config, read_config

LAYERS = ["encoder.head.0", "encoder.body.0.body.0", "hoisted", "layers.0"]
WEIGHTS = {"a": 1_000, "b": 1_000, "c": 100_000}
COST = {"a": 0.05, "b": 0.01, "c": 0.03}
OVERHEAD = 20_000
INT8_OR_FLOAT = {
    path: [Option("float", 4 * count, 0.0), Option("int8", count, COST[path])]
    for path, count in WEIGHTS.items()
}


def config(**changes: object) -> MixedPrecisionConfig:
    return MixedPrecisionConfig.model_validate({"layers": {"hoisted": "float"}, **changes})


def loss(widths) -> float:
    return sum(COST[path] for path, width in widths.items() if width == "int8")


def chosen_float(budget: Budget) -> list[str]:
    widths = choose(INT8_OR_FLOAT, loss, OVERHEAD, budget).widths
    return [path for path, width in widths.items() if width == "float"]


def test_a_plan_comes_back_as_it_was_written(tmp_path):
    widths = {path: "float" if path == "hoisted" else "int8" for path in LAYERS}
    written = config_of(Choice(widths, 0.0123, 2_000_000), "abc", "8 crops")
    (tmp_path / "layers.json").write_text(written.to_json())
    assert read_config(tmp_path / "layers.json") == written
    assert written.float_layers == ["hoisted"]
    assert list(written.layers) == LAYERS


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("not JSON", "file: Invalid JSON"),
        ("[]", "file: Input should be an object"),
        ({"layers": {"hoisted": "int4"}}, "layers.hoisted: Input should be 'float', 'int8', 'palette8'"),
        ({"layers": {}, "more": 1}, "more: Extra inputs are not permitted"),
        ({}, "layers: Field required"),
        ({"schema_version": 2, "layers": {}}, "schema_version: Input should be 1"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_the_field(tmp_path, content, found):
    path = tmp_path / "layers.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(BadInput, match=found):
        read_config(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="expected a file of layers, found No such file"):
        read_config(tmp_path / "none.json")


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(
        BadInput, match=r"found 'encoder\.body\.0\.body\.1'; nearest: encoder\.body\.0\.body\.0"
    ):
        check_config(config(layers={"encoder.body.0.body.1": "float"}), "int8", LAYERS, "abc")


def test_a_plan_for_another_checkpoint_is_refused_and_one_by_hand_is_not():
    check_config(config(), "int8", LAYERS, "abc")
    check_config(config(checkpoint="abc"), "int8", LAYERS, "abc")
    with pytest.raises(BadInput, match="expected layers chosen for the checkpoint abc"):
        check_config(config(checkpoint="def"), "int8", LAYERS, "abc")


@pytest.mark.parametrize(("precision", "first"), [("int8", "int8"), ("palette-mixed", "palette6")])
def test_a_plan_that_leaves_all_layers_float_is_refused(precision, first):
    with pytest.raises(BadInput, match=f"expected a layer in {first}, found all of them float"):
        check_config(config(layers=dict.fromkeys(LAYERS, "float")), precision, LAYERS, "abc")


@pytest.mark.parametrize(
    ("precision", "width", "known"),
    [
        ("int8", "palette4", "int8, float for int8"),
        ("palette-mixed", "int8", "palette6, palette8, palette4, palette3, float for palette-mixed"),
    ],
)
def test_a_width_that_the_precision_has_not_is_refused(precision, width, known):
    with pytest.raises(BadInput, match=f"expected hoisted to be one of {known}, found {width}"):
        check_config(config(layers={"hoisted": width}), precision, LAYERS, "abc")


def test_the_fewest_float_layers_are_chosen_the_costliest_per_weight_first():
    assert chosen_float(Budget(0.045, None)) == ["a"]
    assert chosen_float(Budget(0.03, None)) == ["a", "b"]
    assert chosen_float(Budget(0.1, None)) == []


def test_a_size_is_filled_with_float_layers_as_far_as_it_goes():
    int8_bytes = OVERHEAD + sum(WEIGHTS.values())
    choice = choose(INT8_OR_FLOAT, loss, OVERHEAD, Budget(None, int8_bytes + 3_500))
    widths = {"a": "float", "b": "int8", "c": "int8"}
    assert choice == Choice(widths, pytest.approx(0.04), int8_bytes + 3_000)


def test_of_several_widths_each_byte_goes_where_it_saves_most():
    options = {
        # From 3 to 6 at once, for 4 saves less per byte; then to 8, last of all.
        "a": [
            Option("palette3", 30, 0.9),
            Option("palette4", 40, 0.85),
            Option("palette6", 60, 0.1),
            Option("palette8", 80, 0.09),
        ],
        "b": [Option("palette3", 30, 0.5), Option("palette4", 40, 0.3), Option("palette6", 60, 0.2)],
    }
    losses = {path: {option.width: option.loss_db for option in of} for path, of in options.items()}

    def total(widths) -> float:
        return sum(losses[path][width] for path, width in widths.items())

    found = [choose(options, total, 0, Budget(None, size)).widths for size in (60, 90, 99, 100, 120, 140)]
    assert [tuple(width[-1] for width in widths.values()) for widths in found] == [
        *(("3", "3"), ("6", "3"), ("6", "3"), ("6", "4"), ("6", "6"), ("8", "6"))
    ]
    assert choose(options, total, 0, Budget(0.45, None)).widths == {"a": "palette6", "b": "palette4"}


@pytest.mark.parametrize(
    ("budget", "found"),
    [
        (Budget(None, 100_000), r"at most 100,000 bytes, found at best 0\.0900 dB and about 122,000 bytes"),
        (Budget(0.001, None), r"at most 0\.001 dB, found at best 0\.0300 dB .* with 2 × float, 1 × int8"),
        (Budget(0.035, 126_000), r"at most 0\.035 dB and 126,000 bytes, found at best 0\.0400 dB"),
    ],
)
def test_a_budget_that_cannot_be_met_is_refused_with_the_best_that_was_found(budget, found):
    with pytest.raises(BadInput, match=found):
        choose(INT8_OR_FLOAT, loss, OVERHEAD, budget)


@pytest.mark.parametrize("loss_db", [-0.1, float("nan")])
def test_a_loss_below_zero_is_refused(loss_db):
    with pytest.raises(BadInput, match="expected a loss of 0 dB or more"):
        Budget(loss_db, None)
