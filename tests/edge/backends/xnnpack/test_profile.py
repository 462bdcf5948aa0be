"""A profile has every operator of a program, with the multiplications of its layers."""

import json

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from edge.backends.backend import PTE_FILE
from edge.backends.xnnpack.profile import Operator, by_kind, profile_program
from edge.cli.main import main
from edge.errors import BadArtifact
from models import FixedScaleLIIF

SIDE = 24
TILE = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)


def profile_of(tiny, precision, repeats=3):
    return profile_program(tiny.artifact(2, precision) / PTE_FILE, "forward", {"lr": TILE}, repeats)


def test_layers_have_the_multiplications_that_the_network_has(tiny):
    operators = profile_of(tiny, "fp32").operators
    network = FixedScaleLIIF(tiny.model, 2).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.from_numpy(TILE))
    assert sum(each.multiplications for each in operators) == counter.get_total_flops() // 2
    for each in operators:
        assert bool(each.multiplications) == each.kind.startswith(("Convolution", "Fully Connected"))


def test_an_int8_program_says_which_of_its_layers_are_int8(tiny):
    kinds = {each.kind for each in profile_of(tiny, "int8").operators if each.multiplications}
    assert any("Q" in kind.partition("(")[2] for kind in kinds)
    assert not any("Q" in each.kind for each in profile_of(tiny, "fp32").operators)


def test_operators_take_a_part_of_the_whole_runs_time(tiny):
    profile = profile_of(tiny, "fp32", repeats=9)
    counted = sum(each.milliseconds for each in profile.operators)
    assert all(each.milliseconds >= 0 for each in profile.operators)
    assert (
        0.01 * profile.milliseconds < counted < 2 * profile.milliseconds
    )  # sums of medians, on a busy machine


def test_kinds_add_up_and_the_slowest_comes_first():
    operators = [Operator("Add", 1, 0), Operator("Convolution", 2, 10), Operator("Convolution", 3, 20)]
    assert by_kind(operators) == [(Operator("Convolution", 5, 30), 2), (Operator("Add", 1, 0), 1)]


def test_a_program_without_the_method_is_refused(tiny):
    with pytest.raises(BadArtifact, match="expected a program with a method encode"):
        profile_program(tiny.artifact(2, "fp32") / PTE_FILE, "encode", {"lr": TILE}, 1)


def test_the_command_has_a_table_or_json_of_each_artifact(tiny, capfd):
    artifact = str(tiny.artifact(2, "int8"))
    options = ["bench", artifact, "--profile", "--tile", str(SIDE), "--repeats", "2"]
    assert main(options) == 0
    out = capfd.readouterr().out
    assert f"{artifact}:" in out and "multiplications/s" in out and "Convolution" in out
    assert main([*options, "--json"]) == 0
    described = json.loads(capfd.readouterr().out)
    assert "processor" in described["machine"]
    (program,) = described["programs"].values()
    assert {"kind", "milliseconds", "multiplications"} == program["operators"][0].keys()
