"""The exchange with a phone over adb: the real adb without a phone, and a stand-in adb that has one.

The stand-in's phone is a folder; what the phone would run is emulated. No real phone has been seen.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from edge.backends.xnnpack.runtime import HostProgram
from edge.devices.android import AndroidDevice
from edge.devices.arm64 import Arm64Device
from edge.devices.device import Device
from edge.devices.native import NativeDevice
from edge.devices.runner import RunSettings
from edge.errors import BadInput, ExportError, MissingDependency

NO_NATIVE = NativeDevice().missing()
NO_ARM64 = Arm64Device().missing()
native = pytest.mark.skipif(NO_NATIVE is not None, reason=f"native: {NO_NATIVE}")
emulated = pytest.mark.skipif(NO_ARM64 is not None, reason=f"arm64-emulated: {NO_ARM64}")
real_adb = pytest.mark.skipif(which("adb") is None, reason="android: no adb; apt-get install adb")

# An adb whose one device, "stand-in", is this machine's file system; programs for ARM64 are emulated.
STAND_IN = f"""#!{sys.executable}
import pathlib, shutil, subprocess, sys

words = sys.argv[1:]
log = pathlib.Path(__file__).with_name("log")
with log.open("a") as file:
    print(*words, file=file)
if words[:1] == ["-s"]:
    if words[1] != "stand-in":
        sys.exit(f"error: device '{{words[1]}}' not found")
    words = words[2:]
command, *rest = words
if command == "get-state":
    print("device")
elif command == "push":
    if (log.parent / "full").exists():
        sys.exit("adb: error: failed to copy: remote No space left on device")
    assert rest[-1].endswith("/"), rest
    for path in rest[:-1]:
        shutil.copy(path, rest[-1])
elif command == "pull":
    shutil.copytree(rest[0], pathlib.Path(rest[1]) / pathlib.Path(rest[0]).name)
elif rest == ["getprop", "ro.product.model"]:
    print("Stand-in")
elif command == "shell" and rest[0] != "getprop":
    line = rest[0].replace("&& ./ld-linux", "&& qemu-aarch64 -cpu cortex-a76 ./ld-linux")
    sys.exit(subprocess.run(["sh", "-c", line]).returncode)
"""


def tile_of(h: int, w: int) -> dict[str, np.ndarray]:
    return {"lr": np.random.default_rng(0).random((1, 3, h, w), np.float32)}


@pytest.fixture
def adb(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "adb"
    path.parent.mkdir()
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return path


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    folder = tmp_path / "a phone"  # a space: paths are quoted for the device's shell
    folder.mkdir()
    return folder


@pytest.fixture
def runner(native_build: Path) -> Path:
    return NativeDevice(cache=native_build).runner()


@pytest.fixture
def server_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A free port, so that the real adb starts a server of the test's own, and stops that one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    yield port
    subprocess.run(["adb", "kill-server"], capture_output=True)


@native
@real_adb
def test_without_a_phone_it_says_what_adb_says(server_port: str, runner: Path, int8_artifact: Path) -> None:
    device: Device = AndroidDevice(runner=runner)
    with pytest.raises(MissingDependency, match=r"android: .*no devices/emulators found.*USB") as raised:
        device.run(int8_artifact, "forward", [tile_of(8, 8)])
    assert raised.value.exit_code == 3
    assert "daemon" not in str(raised.value)
    other = AndroidDevice(serial="R58M", runner=runner)
    assert "device 'R58M' not found" in (other.missing() or "")


def test_without_adb_it_says_how_to_get_it() -> None:
    assert "expected no-adb, found none: apt-get install adb" in (AndroidDevice(adb="no-adb").missing() or "")


@native
def test_runner_program_and_tiles_go_over_and_outputs_come_back(
    adb: Path, phone: Path, runner: Path, int8_artifact: Path
) -> None:
    device = AndroidDevice("stand-in", str(adb), str(phone), runner, RunSettings(threads=1, repeat=2))
    tiles = [tile_of(16, 16), tile_of(3, 9)]
    made = device.run(int8_artifact, "forward", tiles)
    host = HostProgram(int8_artifact / "model.pte")
    for tile, output in zip(tiles, made.outputs, strict=True):
        assert np.array_equal(output, host.run("forward", tile))
    assert made.about == {"device": "android", "model": "Stand-in", "threads": "1"}
    assert list(phone.iterdir()) == []
    assert all(line.startswith("-s stand-in ") for line in (adb.parent / "log").read_text().splitlines())


@emulated
def test_the_arm64_runner_brings_all_that_it_loads(
    adb: Path, phone: Path, int8_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(adb.parent), prepend=":")
    tile = tile_of(8, 8)
    device = AndroidDevice(remote=str(phone), settings=RunSettings(threads=1))
    made = device.run(int8_artifact, "forward", [tile])
    expected = HostProgram(int8_artifact / "model.pte").run("forward", tile)
    assert np.array_equal(made.outputs[0], expected)
    assert list(phone.iterdir()) == []


@native
def test_what_goes_wrong_on_the_phone_is_told_and_leaves_nothing_there(
    adb: Path, phone: Path, runner: Path, int8_artifact: Path, tmp_path: Path
) -> None:
    def on_phone(executable: Path) -> AndroidDevice:
        return AndroidDevice("stand-in", str(adb), str(phone), executable)

    with pytest.raises(BadInput, match=r"android: model.pte: .*\(1, 3, 64, 64\) at most"):
        on_phone(runner).run(int8_artifact, "forward", [tile_of(65, 8)])
    crashing = tmp_path / "liif-runner"
    crashing.write_text("#!/bin/sh\nkill -4 $$\n")
    with pytest.raises(ExportError, match="android: expected the runner to finish, found exit code"):
        on_phone(crashing).run(int8_artifact, "forward", [tile_of(8, 8)])
    (adb.parent / "full").touch()
    with pytest.raises(MissingDependency, match=r"adb push to work, found .*No space left on device"):
        on_phone(runner).run(int8_artifact, "forward", [tile_of(8, 8)])
    assert list(phone.iterdir()) == []
    assert "expected the runner" in (on_phone(tmp_path / "none").missing() or "")
