"""The machine at hand: ExecuTorch's Python runtime on a ``.pte``."""

import platform
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import BadArtifact, MissingDependency
from models.arrays import Float


class HostProgram:
    """A loaded ``.pte``. Raises MissingDependency without ExecuTorch, BadArtifact if it does not load."""

    def __init__(self, path: Path) -> None:
        binding = runtime_binding()
        try:
            self._program = binding._load_program(
                str(path), program_verification=binding.Verification.InternalConsistency
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
        # The runtime may reuse its output's memory in the next call.
        return [output.numpy().copy() for output in self._methods[method](arguments)]


def runtime_binding() -> Any:
    """ExecuTorch's runtime in C++, without the exporters that ``executorch.runtime`` imports beside it: three
    quarters of the start of a process that only runs a program. Raises MissingDependency without ExecuTorch.
    """
    import torch  # noqa: F401  # the libraries that the binding is linked with

    try:
        from executorch.extension.pybindings import _C
    except ImportError as error:
        raise MissingDependency("expected ExecuTorch, found none: pip install 'executorch==1.5.*'") from error
    return _C


@contextmanager
def interruption_deferred() -> Iterator[None]:
    """Ctrl-C within takes effect at the end: ExecuTorch, interrupted while it loads a method, aborts the
    process. In other threads than the main one Python handles no signals, and nothing is changed."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)
