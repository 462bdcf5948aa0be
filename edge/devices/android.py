"""A phone or tablet over adb: push runner, program and tiles; run; pull. Not yet run on a real one."""

import secrets
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edge.devices.arm64 import SYSROOT, ToolChain
from edge.devices.device import DeviceRun
from edge.devices.runner import OUTPUTS, PROGRAM, Job, RunSettings, run_job
from edge.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    from models.arrays import Float

# Android's own C library cannot load a program for GNU/Linux, so the program brings its loader and all
# that it loads: the wheel's libraries and the cross compiler's.
LOADER = "ld-linux-aarch64.so.1"
WHEEL_LIBRARIES = (
    "libexecutorch.so",
    "libexecutorch_backend_xnnpack.so",
    "libexecutorch_kernels_optimized.so",
    "libexecutorch_threadpool.so",
)
SYSTEM_LIBRARIES = (
    LOADER,
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libstdc++.so.6",
)

# What a phone calls itself.
PROPERTIES = {
    "model": "ro.product.model",
    "processor": "ro.soc.model",
    "android": "ro.build.version.release",
}

ADB_TIMEOUT = 60  # seconds for adb to start its server and to find the device


@dataclass(frozen=True)
class AndroidDevice:
    """``serial``: as ``adb devices`` lists it, None for the only one. ``adb``: the executable.

    ``remote``: a folder on the device where the shell may write and run programs; each run makes a
    folder of its own in it, and removes it. ``runner``: an executable that needs nothing but what the
    device has, say one built with Android's NDK; None for the one of ``make arm64`` with its libraries.
    """

    serial: str | None = None
    adb: str = "adb"
    remote: str = "/data/local/tmp"
    runner: Path | None = None
    settings: RunSettings = field(default_factory=RunSettings)
    tool_chain: ToolChain = field(default_factory=ToolChain)

    name: ClassVar[str] = "android"
    needs: ClassVar[str] = "adb, a device with USB debugging, and make arm64 or a runner of your own"

    def missing(self) -> str | None:
        """See ``Device``; asks adb, which starts its server."""
        if shutil.which(self.adb) is None:
            return f"expected {self.adb}, found none: apt-get install adb, or name the executable"
        if self.runner is None and (absent := self.tool_chain.missing()) is not None:
            return absent
        if self.runner is not None and not self.runner.is_file():
            return f"expected the runner {self.runner}, found none"
        try:
            state = self._adb(["get-state"], timeout=ADB_TIMEOUT)
        except subprocess.TimeoutExpired:
            return f"expected adb to answer within {ADB_TIMEOUT} s, found it silent"
        if state.returncode != 0 or state.stdout.strip() != "device":
            return (
                f"expected a device, found {_words(state)!r}; connect one, allow USB debugging on it, and "
                "give its serial if there are several"
            )
        return None

    def run(self, folder: Path, method: str, inputs: "Sequence[Mapping[str, Float]]") -> DeviceRun:
        """See ``Device``."""
        absent = self.missing()
        if absent is not None:
            raise MissingDependency(f"{self.name}: {absent}")
        about = {"device": self.name}
        for what, name in PROPERTIES.items():
            value = self._call(["shell", "getprop", name]).strip()
            if value:
                about[what] = value
        return run_job(folder, method, inputs, self.settings, self._start, about)

    def _start(self, job: Job) -> "subprocess.CompletedProcess[str]":
        remote = f"{self.remote}/liif-edge-{secrets.token_hex(4)}"
        command, files = self._program()
        quoted = shlex.quote(remote)
        self._call(["shell", f"mkdir -p {quoted}"])
        try:
            inputs = [str(job.folder / name) for name in job.files]
            self._call(["push", *map(str, files), str(job.program), *inputs, f"{remote}/"])
            self._call(["shell", f"cd {quoted} && chmod 755 {PROGRAM} {command[0]}"])
            line = shlex.join([*command, *job.arguments(job.program.name)])
            completed = self._adb(["shell", f"cd {quoted} && {line}"])
            if completed.returncode == 0:
                self._call(["pull", f"{remote}/{OUTPUTS}", str(job.folder)])
            return completed
        finally:
            self._adb(["shell", f"rm -rf {quoted}"])

    def _program(self) -> tuple[list[str], list[Path]]:
        """The command, started in the remote folder, and the files that it needs there."""
        if self.runner is not None:
            if self.runner.name != PROGRAM:
                raise BadInput(f"{self.name}: expected a runner named {PROGRAM}, found {self.runner}")
            return [f"./{PROGRAM}"], [self.runner]
        wheel = self.tool_chain.wheel / "lib"
        libraries = [SYSROOT / "lib" / name for name in SYSTEM_LIBRARIES]
        files = [self.tool_chain.runner(), *libraries, *(wheel / name for name in WHEEL_LIBRARIES)]
        return [f"./{LOADER}", "--library-path", ".", f"./{PROGRAM}"], files

    def _call(self, arguments: Sequence[str]) -> str:
        """adb's output. Raises MissingDependency with adb's own words where it fails."""
        completed = self._adb(arguments)
        if completed.returncode != 0:
            raise MissingDependency(
                f"{self.name}: expected adb {arguments[0]} to work, found {_words(completed)!r}"
            )
        return completed.stdout

    def _adb(
        self, arguments: Sequence[str], timeout: float | None = None
    ) -> "subprocess.CompletedProcess[str]":
        serial = [] if self.serial is None else ["-s", self.serial]
        command = [self.adb, *serial, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def _words(completed: "subprocess.CompletedProcess[str]") -> str:
    """What adb said, less its remarks on starting its server."""
    lines = (completed.stderr + completed.stdout).splitlines()
    return " ".join(line.strip() for line in lines if line.strip() and not line.startswith("*"))
