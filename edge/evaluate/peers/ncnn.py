"""ncnn on the CPU, in float: its int8 needs tables that only its own command-line tools make."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edge.evaluate.forms import Form, Run, n_threads
from edge.evaluate.peers.peer import Subject
from models.arrays import Float


@dataclass(frozen=True)
class Ncnn:
    """See ``Peer``."""

    name: str = "ncnn"
    packages: tuple[str, ...] = ("ncnn", "pnnx")

    def convert(self, subject: Subject) -> Mapping[str, Form]:
        """See ``Peer``."""
        import pnnx

        tile = torch.zeros(1, 3, subject.tile, subject.tile)
        path = subject.folder / "network.pt"
        torch.jit.trace(subject.network, tile).save(str(path))  # type: ignore[no-untyped-call]  # missing in stubs
        pnnx.convert(str(path), inputs=tile, fp16=False)
        return {"fp32": NcnnForm(path.with_suffix(".ncnn.param"), path.with_suffix(".ncnn.bin"))}


@dataclass(frozen=True)
class NcnnForm:
    """See ``Form``."""

    graph: Path
    weights: Path

    def import_libraries(self) -> None:
        """See ``Form``."""
        import ncnn  # noqa: F401

    def load(self) -> Run:
        """See ``Form``."""
        import ncnn

        net = ncnn.Net()
        net.opt.num_threads = n_threads()
        # Otherwise it stores what lies between two layers in 16 bits where the processor can.
        for name in ("use_fp16_storage", "use_fp16_packed", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(net.opt, name, False)
        net.load_param(str(self.graph))
        net.load_model(str(self.weights))

        def run(tile: Float) -> Float:
            extractor = net.create_extractor()
            extractor.input("in0", ncnn.Mat(tile[0]).clone())
            _, out = extractor.extract("out0")
            return np.array(out)[None]

        return run
