"""What the tests of liif-runner share: tiny artifacts, and a build that is kept between runs."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from native_runner import Run

from edge.devices.native import NativeDevice

# Ignored by git, as the tool chain of ``make arm64`` next to it is.
NATIVE_BUILD = Path(__file__).parents[3] / "build" / "native"


@pytest.fixture(scope="session")
def int8_artifact(tiny: Any) -> Path:
    folder: Path = tiny.artifact(2, "int8")
    return folder


@pytest.fixture(scope="session")
def fp32_artifact(tiny: Any) -> Path:
    folder: Path = tiny.artifact(2, "fp32")
    return folder


@pytest.fixture(scope="session")
def native_build() -> Path:
    return NATIVE_BUILD


@pytest.fixture(scope="session")
def program(native_build: Path) -> Path:
    return NativeDevice(cache=native_build).runner()


@pytest.fixture
def run(program: Path, tmp_path: Path) -> Run:
    """The runner, started in tmp_path."""

    def start(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [str(program), *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return start
