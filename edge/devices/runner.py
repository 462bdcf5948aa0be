"""liif-runner (apps/runner) as Python sees it: building it, and the files and words of one run of it."""

import json
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.backends.table import BACKENDS
from edge.card import Card, MethodCard
from edge.card_reader import read_card
from edge.devices.device import DeviceRun
from edge.errors import BadArtifact, BadInput, ExportError, MissingDependency

if TYPE_CHECKING:
    from models.arrays import Float

PROGRAM = "liif-runner"
SOURCES = Path(__file__).parents[2] / "apps" / "runner"
OUTPUTS = "out"


@dataclass(frozen=True)
class RunSettings:
    """How often to run each set of inputs. ``threads``: None for the runtime's own choice."""

    threads: int | None = None
    warmup: int = 0
    repeat: int = 1

    def __post_init__(self) -> None:
        if (self.threads is not None and self.threads < 1) or self.warmup < 0 or self.repeat < 1:
            raise BadInput(f"expected at least 1 thread, 0 warm-up runs and 1 timed run, found {self}")

    @property
    def options(self) -> list[str]:
        """The runner's."""
        threads = [] if self.threads is None else ["--threads", str(self.threads)]
        return [*threads, "--warmup", str(self.warmup), "--repeat", str(self.repeat)]


@dataclass(frozen=True)
class Job:
    """One run in ``folder``, which holds ``files``, the inputs; outputs go to ``OUTPUTS`` in it."""

    folder: Path
    program: Path
    files: tuple[str, ...]
    options: tuple[str, ...]

    def arguments(self, program: str) -> list[str]:
        """For the runner, started in the folder; ``program``: where the program lies there."""
        return ["run", program, *self.options]


def missing_sources() -> str | None:
    """Whether this is an installation without ``apps``."""
    if (SOURCES / "CMakeLists.txt").is_file():
        return None
    return (
        f"expected the runner's sources in {SOURCES}, found none: they come with the repository, "
        "not with the package; clone it and pip install -e ."
    )


def missing_packages(commands: Mapping[str, str], files: Mapping[str, str]) -> str | None:
    """Debian packages of those ``commands`` and ``files`` that are absent."""
    packages = [package for command, package in commands.items() if shutil.which(command) is None]
    packages += [package for file, package in files.items() if not Path(file).exists()]
    return (
        f"expected {' '.join(packages)}, found none: apt-get install {' '.join(packages)}"
        if packages
        else None
    )


def build(folder: Path, configuration: Sequence[str] = ()) -> Path:
    """Brings CMake's build ``folder`` up to date and returns the program in it.

    ``configuration``: CMake's options, used if the folder has not been configured.
    Raises MissingDependency, with the compiler's words, if it cannot be built.
    """
    from fcntl import LOCK_EX, flock

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)  # another process may be building it too
        if configuration and not (folder / "Makefile").exists():
            _cmake(folder, ["-S", str(SOURCES), "-B", str(folder), "-G", "Unix Makefiles", *configuration])
        _cmake(folder, ["--build", str(folder), "--parallel"])
    return folder.resolve() / PROGRAM


def run_job(
    artifact: Path,
    method: str,
    inputs: "Sequence[Mapping[str, Float]]",
    settings: RunSettings,
    start: Callable[[Job], "subprocess.CompletedProcess[str]"],
    about: Mapping[str, str],
) -> DeviceRun:
    """Writes the inputs, has ``start`` run the runner on them, and reads what it made."""
    card = read_card(artifact)
    entry = _method(artifact, card, method)
    with tempfile.TemporaryDirectory(prefix="liif-edge-") as scratch:
        folder = Path(scratch)
        sets = [_write_inputs(folder, entry, number, tile) for number, tile in enumerate(inputs)]
        options = ["--method", method, "--output-dir", OUTPUTS, *settings.options]
        options += [word for names in sets for word in ("--input", ",".join(names))]
        files = tuple(name for names in sets for name in names)
        job = Job(folder, artifact / entry.program, files, tuple(options))
        completed = start(job)
        _check_exit(about["device"], completed)
        return _read_outputs(folder, completed.stdout, len(sets), dict(about))


def start_here(command: Sequence[str]) -> Callable[[Job], "subprocess.CompletedProcess[str]"]:
    """A ``start`` for ``run_job``: ``command`` is the runner on this machine, emulated perhaps."""

    def start(job: Job) -> "subprocess.CompletedProcess[str]":
        arguments = job.arguments(str(job.program.resolve()))
        return subprocess.run([*command, *arguments], cwd=job.folder, capture_output=True, text=True)

    return start


def _cmake(folder: Path, arguments: list[str]) -> None:
    completed = subprocess.run(["cmake", *arguments], capture_output=True, text=True)
    if completed.returncode != 0:
        log = folder / "failed.log"
        log.write_text(completed.stdout + completed.stderr, encoding="utf-8")
        lines = (completed.stderr + completed.stdout).splitlines()
        reason = next((line.strip() for line in lines if "error" in line.lower()), "no reason")
        raise MissingDependency(
            f"expected the runner to build, found {reason!r} of {shlex.join(['cmake', *arguments[:2]])}; "
            f"all of it is in {log}"
        )


def _method(artifact: Path, card: Card, method: str) -> MethodCard:
    targets = [name for name, backend in BACKENDS.items() if backend.native]
    if card.target not in targets:
        raise BadArtifact(
            f"{artifact}: expected an artifact for {' or '.join(targets)}, found one for {card.target}"
        )
    for entry in card.methods:
        if entry.name == method:
            return entry
    known = ", ".join(entry.name for entry in card.methods)
    raise BadInput(f"{artifact}: expected a method of {known}, found {method}")


def _write_inputs(folder: Path, method: MethodCard, number: int, tile: "Mapping[str, Float]") -> list[str]:
    names = [tensor.name for tensor in method.inputs]
    import numpy as np

    if sorted(tile) != sorted(names) or any(array.dtype != np.float32 for array in tile.values()):
        found = ", ".join(f"{name} {array.dtype}" for name, array in tile.items()) or "none"
        raise BadInput(f"expected float32 inputs {', '.join(names)} of method {method.name}, found {found}")
    files = [f"{number:04}-{name}.npy" for name in names]
    for file, name in zip(files, names, strict=True):
        np.save(folder / file, np.ascontiguousarray(tile[name]))
    return files


def _check_exit(device: str, completed: "subprocess.CompletedProcess[str]") -> None:
    """The runner's own words if it has said any; Linux's if it was killed."""
    if completed.returncode == 0:
        return
    lines = [line.strip() for line in completed.stderr.splitlines() if line.strip()]
    said = [line.removeprefix(f"{PROGRAM}: ") for line in lines if line.startswith(f"{PROGRAM}: ")]
    if said and completed.returncode in (2, 3):
        raise (BadInput if completed.returncode == 2 else MissingDependency)(f"{device}: {said[-1]}")
    reason = lines[-1] if lines else "no word"
    raise ExportError(
        f"{device}: expected the runner to finish, found exit code {completed.returncode} and {reason}"
    )


def _read_outputs(folder: Path, report: str, count: int, about: dict[str, str]) -> DeviceRun:
    import numpy as np

    device = about["device"]
    try:
        values = json.loads(report)
        tiles = values["tiles"]
        outputs = tuple(np.load(folder / OUTPUTS / f"{n:04}.npy", allow_pickle=False) for n in range(count))
        if [list(output.shape) for output in outputs] != [tile["shape"] for tile in tiles]:
            raise ValueError("arrays of other shapes than reported")
        return DeviceRun(
            outputs=outputs,
            median_ms=tuple(float(tile["median_ms"]) for tile in tiles),
            p95_ms=tuple(float(tile["p95_ms"]) for tile in tiles),
            peak_mb=None if values["peak_mb"] is None else float(values["peak_mb"]),
            about={**about, "threads": str(values["threads"])},
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ExportError(f"{device}: expected the runner's report and outputs, found {error!r}") from error
