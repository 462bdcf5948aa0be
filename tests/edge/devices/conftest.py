"""What the tests of liif-runner share: tiny artifacts, and a build that is kept between runs."""

from pathlib import Path
from typing import Any

import pytest

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
