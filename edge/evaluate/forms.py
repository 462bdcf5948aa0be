"""What a benchmark times: the network in one form, loaded and run in a process of its own."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.arrays import Float

Run = Callable[[Float], Float]


class Form(Protocol):
    """The network as something can run it. It goes to the process that loads it: it holds paths."""

    def import_libraries(self) -> None:
        """What is imported first, so that it counts for no form's memory."""
        ...

    def load(self) -> Run:
        """From a tile (1, 3, h, w) in [0, 1] to (1, 3, s·h, s·w)."""
        ...


def n_threads() -> int:
    """Of every form: as many as ExecuTorch's runtime takes."""
    return os.cpu_count() or 1


@dataclass(frozen=True)
class EagerForm:
    """PyTorch without export: the network as published, or in its fixed-scale form."""

    checkpoint: Path
    scale: int
    published: bool

    def import_libraries(self) -> None:
        """See ``Form``."""
        import torch

        torch.set_num_threads(n_threads())

    def load(self) -> Run:
        """See ``Form``."""
        import torch

        from models import FixedScaleLIIF, load_checkpoint

        model = load_checkpoint(self.checkpoint)
        fixed = FixedScaleLIIF(model, self.scale)

        def run(tile: Float) -> Float:
            size = (self.scale * tile.shape[2], self.scale * tile.shape[3])
            with torch.no_grad():
                lr = torch.from_numpy(tile)
                out: Float = (model(lr, size) if self.published else fixed(lr)).numpy()
            return out

        return run


@dataclass(frozen=True)
class ProgramForm:
    """A ``.pte`` of a fixed scale on ExecuTorch's runtime."""

    program: Path

    def import_libraries(self) -> None:
        """See ``Form``."""
        from edge.backends.xnnpack.runtime import runtime_binding

        runtime_binding()

    def load(self) -> Run:
        """See ``Form``."""
        from edge.backends.xnnpack.runtime import HostProgram

        program = HostProgram(self.program)
        return lambda tile: program.run("forward", {"lr": tile})
