"""The C++ runner for 64-bit ARM, emulated: a phone's kernels give the host's numbers.

``make arm64`` sets the tool chain up; without it these tests say that they were skipped.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from enlarging import upscaled
from native_runner import tiles_of
from PIL import Image

from edge.backends.xnnpack.runtime import HostProgram
from edge.devices.arm64 import CPUS, Arm64Device, ToolChain
from edge.devices.device import Device
from edge.errors import BadInput, MissingDependency
from edge.images.image_file import read_image
from edge.images.pixels import to_uint8
from edge.run.artifact import Artifact

ABSENT = Arm64Device().missing()
emulated = pytest.mark.skipif(ABSENT is not None, reason=f"arm64-emulated: {ABSENT}")


@emulated
@pytest.mark.parametrize("cpu", CPUS)
def test_int8_equals_the_host_to_the_bit(cpu: str, int8_artifact: Path) -> None:
    tiles = tiles_of((16, 16), (5, 3), (1, 1))
    device: Device = Arm64Device(cpu)
    made = device.run(int8_artifact, "forward", tiles)
    host = HostProgram(int8_artifact / "model.pte")
    for tile, output in zip(tiles, made.outputs, strict=True):
        assert np.array_equal(output, host.run("forward", tile))
    assert made.about["processor"] == f"{cpu}, emulated"
    assert made.peak_mb is None


@emulated
def test_fp32_equals_the_host_within_1e5(fp32_artifact: Path) -> None:
    (tile,) = tiles_of((16, 11))
    made = Arm64Device("cortex-a76").run(fp32_artifact, "forward", [tile])
    expected = HostProgram(fp32_artifact / "model.pte").run("forward", tile)
    np.testing.assert_allclose(made.outputs[0], expected, atol=1e-5, rtol=0)


@emulated
def test_a_picture_with_transparency_is_upscaled_to_pythons_bytes(
    int8_artifact: Path, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (19, 33, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    words = ["upscale", str(int8_artifact), "in.png", "out.png", "--tile", "16", "--halo", "3"]
    subprocess.run([*Arm64Device().command(), *words], cwd=tmp_path, check=True, capture_output=True)
    expected = upscaled(Artifact.open(int8_artifact), read_image(tmp_path / "in.png"), tile=16, halo=3)
    assert expected.alpha is not None
    made = np.asarray(Image.open(tmp_path / "out.png"))
    assert np.array_equal(made[:, :, :3], to_uint8(expected.rgb).transpose(1, 2, 0))
    assert np.array_equal(made[:, :, 3], to_uint8(expected.alpha))


@emulated
def test_a_tile_that_the_program_does_not_take_is_refused(int8_artifact: Path) -> None:
    with pytest.raises(BadInput, match=r"arm64-emulated: .*\(1, 3, 64, 64\) at most"):
        Arm64Device().run(int8_artifact, "forward", tiles_of((65, 1)))


@pytest.mark.parametrize("cpu", ["max", "cortex-a75", ""])
def test_only_cpus_that_are_emulated_rightly_are_offered(cpu: str) -> None:
    with pytest.raises(BadInput, match="expected a cpu of cortex-a53, cortex-a76, max,sme=off"):
        Arm64Device(cpu)


def test_without_the_tool_chain_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, int8_artifact: Path
) -> None:
    for name in ("cmake", "make", "aarch64-linux-gnu-g++", "qemu-aarch64"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    device = Arm64Device(tool_chain=ToolChain(tmp_path))
    with pytest.raises(MissingDependency, match=r"arm64-emulated: expected the tool chain in .*make arm64"):
        device.run(int8_artifact, "forward", tiles_of((8, 8)))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert "apt-get install cmake make g++-aarch64-linux-gnu qemu-user" in (device.missing() or "")
