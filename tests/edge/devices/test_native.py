"""The C++ runner as a device on this machine: the same tiles as the host's."""

from pathlib import Path

import numpy as np
import pytest
from native_runner import native, tiles_of

from edge.backends.xnnpack.runtime import HostProgram
from edge.devices import runner as runner_module
from edge.devices.device import Device
from edge.devices.native import NativeDevice
from edge.devices.runner import RunSettings, build
from edge.errors import BadArtifact, BadInput, ExportError, MissingDependency


@native
def test_int8_equals_the_host_to_the_bit(int8_artifact: Path, native_build: Path) -> None:
    tiles = tiles_of((24, 24), (1, 1), (7, 64))
    device: Device = NativeDevice(RunSettings(threads=2, warmup=1, repeat=3), native_build)
    made = device.run(int8_artifact, "forward", tiles)
    host = HostProgram(int8_artifact / "model.pte")
    for tile, output in zip(tiles, made.outputs, strict=True):
        assert np.array_equal(output, host.run("forward", tile))
    assert all(0 < median <= p95 for median, p95 in zip(made.median_ms, made.p95_ms, strict=True))
    assert made.peak_mb is not None and made.peak_mb > 1
    assert made.about["device"] == "native" and made.about["threads"] == "2"


@native
def test_fp32_equals_the_host_within_1e5(fp32_artifact: Path, native_build: Path) -> None:
    (tile,) = tiles_of((31, 17))
    device = NativeDevice(RunSettings(threads=1), native_build)
    made = device.run(fp32_artifact, "forward", [tile])
    expected = HostProgram(fp32_artifact / "model.pte").run("forward", tile)
    np.testing.assert_allclose(made.outputs[0], expected, atol=1e-5, rtol=0)


@native
def test_the_device_refuses_what_the_artifact_does_not_have(
    int8_artifact: Path, native_build: Path, tmp_path: Path
) -> None:
    device, (tile,) = NativeDevice(cache=native_build), tiles_of((8, 8))
    with pytest.raises(BadInput, match="expected a method of forward, found encode"):
        device.run(int8_artifact, "encode", [tile])
    with pytest.raises(BadInput, match="expected float32 inputs lr of method forward, found rgb float32"):
        device.run(int8_artifact, "forward", [{"rgb": tile["lr"]}])
    with pytest.raises(BadInput, match=r"native: .*\(1, 3, 64, 64\) at most, found \(1, 3, 8, 99\)"):
        device.run(int8_artifact, "forward", tiles_of((8, 99)))
    with pytest.raises(BadArtifact, match="artifact folder"):
        device.run(tmp_path / "none", "forward", [tile])


@native
def test_a_build_that_fails_is_told_in_the_compilers_words(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match=r"expected the runner to build.*failed\.log"):
        build(tmp_path / "build", ["-DEXECUTORCH_WHEEL=/none"])
    assert "EXECUTORCH_WHEEL: expected the folder" in (tmp_path / "build" / "failed.log").read_text()


def test_without_a_compiler_it_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, int8_artifact: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt-get install cmake make g\\+\\+"):
        NativeDevice().run(int8_artifact, "forward", tiles_of((8, 8)))


def test_without_the_repository_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "SOURCES", tmp_path)
    assert "clone it and pip install -e ." in (NativeDevice().missing() or "")


def test_a_runner_that_is_killed_or_says_nothing_is_an_error(int8_artifact: Path, tmp_path: Path) -> None:
    about, inputs = {"device": "stand-in"}, tiles_of((8, 8))
    for script, message in {
        "kill -9 $$": "exit code -9 and no word",
        "echo '{}'": "expected the runner's report and outputs, found KeyError",
        "echo nonsense": "expected the runner's report and outputs",
    }.items():
        start = runner_module.start_here(["sh", "-c", script])
        with pytest.raises(ExportError, match=message):
            runner_module.run_job(int8_artifact, "forward", inputs, RunSettings(), start, about)


def test_a_measurement_needs_a_run() -> None:
    with pytest.raises(BadInput, match="at least 1 thread"):
        RunSettings(repeat=0)
