"""Devices inside this process, and the commands that name devices."""

import json
import sys

import numpy as np
import pytest

from edge.cli.main import main
from edge.devices.table import DEVICES, FILES
from edge.errors import BadInput, MissingDependency
from edge.run.artifact import Artifact


def tile(side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)


def test_the_host_device_gives_what_the_artifact_gives(tiny):
    folder = tiny.artifact(2, "int8")
    run = DEVICES["host"].run(folder, "forward", [{"lr": tile()}, {"lr": tile(9)}])
    assert len(run.median_ms) == 2
    np.testing.assert_array_equal(run.outputs[0], Artifact.open(folder)(tile()))
    np.testing.assert_array_equal(run.outputs[1], Artifact.open(folder)(tile(9)))


def test_an_artifact_opened_on_a_device_runs_there(tiny):
    folder = tiny.artifact(2, "fp16", "coreml")
    there = Artifact.open(folder, DEVICES["coreml-interpreted"])
    np.testing.assert_array_equal(there(tile()), Artifact.open(folder)(tile()))


def test_a_device_refuses_an_artifact_of_another_target(tiny):
    with pytest.raises(
        BadInput, match="expected an artifact for coreml or coreml-pte, found one for xnnpack"
    ):
        DEVICES["coreml-interpreted"].run(tiny.artifact(2, "fp32"), "forward", [{"lr": tile()}])


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML is there")
def test_core_ml_away_from_macos_is_missing(tiny, capfd):
    folder = tiny.artifact(2, "fp16", "coreml")
    with pytest.raises(MissingDependency, match="expected macOS"):
        DEVICES["coreml"].run(folder, "forward", [{"lr": tile()}])
    assert main(["check", str(folder), "--device", "coreml"]) == 3
    assert "coreml: expected macOS" in capfd.readouterr().err


def test_devices_are_listed_with_what_they_need(capfd):
    assert main(["devices", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)["devices"]
    assert [row["name"] for row in rows] == [*DEVICES, FILES]
    assert all(row["needs"] for row in rows)
    assert main(["devices"]) == 0
    assert "host                 ready" in capfd.readouterr().out


def test_check_runs_an_artifact_on_the_named_device(tiny, capfd):
    arguments = [str(tiny.artifact(2, "fp32")), "--checkpoint", str(tiny.checkpoint), "--device", "host"]
    assert main(["check", *arguments, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["passed"]
