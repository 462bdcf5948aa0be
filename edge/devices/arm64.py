"""A phone's kernels without a phone: liif-runner for 64-bit ARM Linux, emulated by qemu-user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

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
from edge.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    from models.arrays import Float

# NEON only; with dot products; with int8 matrix multiplication. Not qemu's default, plain "max": the SME
# that qemu 7.2 adds to it multiplies int8 matrices wrongly.
CPUS = ("cortex-a53", "cortex-a76", "max,sme=off")

SYSROOT = Path("/usr/aarch64-linux-gnu")
COMMANDS = {
    "cmake": "cmake",
    "make": "make",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "qemu-aarch64": "qemu-user",
}


@dataclass(frozen=True)
class ToolChain:
    """What ``make arm64`` makes (apps/runner/arm64/setup.sh): the aarch64 wheel and the runner's build."""

    folder: Path = SOURCES.parents[1] / "build" / "arm64"

    def missing(self) -> str | None:
        """What is absent and how to get it."""
        absent = missing_sources() or missing_packages(COMMANDS, {})
        if absent is None and not (self.folder / "runner" / "Makefile").is_file():
            absent = f"expected the tool chain in {self.folder}, found none: make arm64"
        return absent

    def runner(self) -> Path:
        """The program for aarch64, up to date."""
        return build(self.folder / "runner")

    @property
    def wheel(self) -> Path:
        """The aarch64 wheel's package. Raises MissingDependency unless there is just one."""
        wheels = list(self.folder.glob("executorch-*/executorch"))
        if len(wheels) != 1:
            raise MissingDependency(f"{self.folder}: expected one wheel, found {len(wheels)}: make arm64")
        return wheels[0]


@dataclass(frozen=True)
class Arm64Device:
    """``cpu``: one of CPUS. Times are the emulator's: they say nothing of a processor. Raises BadInput."""

    cpu: str = "cortex-a76"
    settings: RunSettings = field(default_factory=lambda: RunSettings(threads=1))
    tool_chain: ToolChain = field(default_factory=ToolChain)

    name: ClassVar[str] = "arm64-emulated"
    needs: ClassVar[str] = "Linux, g++-aarch64-linux-gnu, qemu-user and what make arm64 sets up"

    def __post_init__(self) -> None:
        if self.cpu not in CPUS:
            raise BadInput(f"{self.name}: expected a cpu of {', '.join(CPUS)}, found {self.cpu}")

    def missing(self) -> str | None:
        """See ``Device``."""
        return self.tool_chain.missing()

    def command(self) -> list[str]:
        """The runner under the emulator. Raises MissingDependency."""
        absent = self.missing()
        if absent is not None:
            raise MissingDependency(f"{self.name}: {absent}")
        return ["qemu-aarch64", "-cpu", self.cpu, "-L", str(SYSROOT), str(self.tool_chain.runner())]

    def run(self, folder: Path, method: str, inputs: "Sequence[Mapping[str, Float]]") -> DeviceRun:
        """See ``Device``; ``peak_mb`` is None, as it would be the emulator's."""
        command = self.command()
        about = {
            "device": self.name,
            "processor": f"{self.cpu}, emulated",
            "executorch": self.tool_chain.wheel.parent.name.removeprefix("executorch-"),
            "times": "of the emulator, not of a processor",
        }
        run = run_job(folder, method, inputs, self.settings, start_here(command), about)
        return DeviceRun(run.outputs, run.median_ms, run.p95_ms, None, run.about)
