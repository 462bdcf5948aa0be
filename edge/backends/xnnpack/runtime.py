"""ExecuTorch's Python runtime: runs a ``.pte`` in this process."""

import gc
import platform
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from edge.backends.backend import NO_EXECUTORCH
from edge.errors import BadArtifact, MissingDependency
from models.arrays import Float


class HostProgram:
    """A loaded ``.pte``. Raises MissingDependency without ExecuTorch, BadArtifact if it does not load."""

    def __init__(self, path: Path) -> None:
        binding = runtime_binding()
        # By its bytes: the binding takes no path that is not UTF-8. They must live as long as the program.
        self._content = path.read_bytes()
        try:
            self._program = binding._load_program_from_buffer(
                self._content, program_verification=binding.Verification.InternalConsistency
            )
        except RuntimeError as error:
            raise BadArtifact(
                f"{path}: expected an ExecuTorch program, found one that does not load"
            ) from error
        self._path = path
        self.about = {
            "device": "host",
            "processor": platform.machine(),
            "system": platform.system(),
            "executorch": version("executorch"),
        }
        self._methods: dict[str, Any] = {}

    def run(self, method: str, inputs: Mapping[str, Float]) -> Float:
        """The output of ``method``; ``inputs`` in the order of the method's arguments."""
        return self.run_all(method, inputs)[0]

    def run_all(self, method: str, inputs: Mapping[str, Float]) -> list[Float]:
        """All outputs of ``method``, where it has several."""
        import torch

        if method not in self._methods:
            try:
                with interruption_deferred():
                    self._methods[method] = self._program.load_method(method)
            except RuntimeError as error:
                raise BadArtifact(f"{self._path}: method {method} does not load: {error}") from error
        arguments = [torch.from_numpy(np.ascontiguousarray(value)) for value in inputs.values()]
        try:
            outputs = self._methods[method](arguments)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise BadArtifact(f"{self._path}: method {method} does not run: {reason}") from error
        # The runtime may reuse its output's memory in the next call.
        return [output.numpy().copy() for output in outputs]


def runtime_binding() -> Any:
    """ExecuTorch's runtime in C++, without the exporters that ``executorch.runtime`` imports beside it: three
    quarters of the start of a process that only runs a program. Raises MissingDependency without ExecuTorch.
    """
    with collector_at_rest():
        import torch  # noqa: F401  # the libraries that the binding is linked with

    try:
        from executorch.extension.pybindings import _C
    except ImportError as error:
        raise MissingDependency(NO_EXECUTORCH) from error
    return _C


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Without Python's garbage collector within. While PyTorch's classes and functions are made, it would go
    through all of them time and again, and find nothing to free: a tenth of the import's 1.3 s."""
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()


def limit_threads(count: int) -> None:
    """Let every program of this process run on ``count`` threads; by default they use all cores."""
    runtime_binding()._unsafe_reset_threadpool(count)


@contextmanager
def interruption_deferred() -> Iterator[None]:
    """Ctrl-C and SIGTERM within take effect at the end: ExecuTorch, interrupted while it loads a method,
    aborts the process. In other threads than the main one Python handles no signals, and nothing changes."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if None in before.values() or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    for number in before:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
