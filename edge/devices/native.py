"""This machine, without Python: liif-runner built against the installed ExecuTorch wheel."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from platformdirs import user_cache_path

from edge.backends.backend import NO_EXECUTORCH
from edge.devices.device import DeviceRun
from edge.devices.runner import (
    SOURCES,
    RunSettings,
    build,
    missing_packages,
    missing_sources,
    run_job,
    start_here,
)
from edge.errors import MissingDependency

if TYPE_CHECKING:
    from models.arrays import Float

COMMANDS = {"cmake": "cmake", "make": "make", "c++": "g++"}
HEADERS = {
    "/usr/include/stb/stb_image.h": "libstb-dev",
    "/usr/include/nlohmann/json.hpp": "nlohmann-json3-dev",
}


@dataclass(frozen=True)
class NativeDevice:
    """``cache``: the folder that the program is built in, None for the user's."""

    settings: RunSettings = field(default_factory=RunSettings)
    cache: Path | None = None

    name: ClassVar[str] = "native"
    needs: ClassVar[str] = "Linux, cmake, make, g++, libstb-dev, nlohmann-json3-dev and apps/runner"

    def missing(self) -> str | None:
        """See ``Device``."""
        if platform.system() != "Linux":
            return f"expected Linux, found {platform.system()}"
        if find_spec("executorch") is None:
            return NO_EXECUTORCH
        return missing_sources() or missing_packages(COMMANDS, HEADERS)

    def runner(self) -> Path:
        """The program, built if it is not there or not up to date. Raises MissingDependency."""
        absent = self.missing()
        if absent is not None:
            raise MissingDependency(f"{self.name}: {absent}")
        wheel = _wheel()
        # A build belongs to the sources and to the wheel that it was configured with.
        key = hashlib.sha256(f"{SOURCES}\n{wheel}".encode()).hexdigest()[:12]
        cache = self.cache or user_cache_path("liif-edge") / "runner"
        return build(cache / f"{_version()}-{key}", [f"-DEXECUTORCH_WHEEL={wheel}"])

    def run(self, folder: Path, method: str, inputs: "Sequence[Mapping[str, Float]]") -> DeviceRun:
        """See ``Device``."""
        start = start_here([str(self.runner())])
        about = {"device": self.name, "processor": platform.machine(), "executorch": _version()}
        return run_job(folder, method, inputs, self.settings, start, about)


def _wheel() -> Path:
    spec = find_spec("executorch")
    locations = list(spec.submodule_search_locations or []) if spec is not None else []
    for location in map(Path, locations):
        if (location / "share" / "cmake" / "executorch-config.cmake").is_file():
            return location
    raise MissingDependency(f"native: expected a wheel of ExecuTorch with C++ libraries, found {locations}")


def _version() -> str:
    try:
        return version("executorch")
    except PackageNotFoundError as error:
        raise MissingDependency("native: expected ExecuTorch as an installed package") from error
