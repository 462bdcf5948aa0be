"""OpenVINO on the CPU: float, and int8 by NNCF's post-training quantisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from edge.evaluate.forms import Form, Run, n_threads
from edge.evaluate.peers.peer import Subject
from models.arrays import Float


@dataclass(frozen=True)
class OpenVino:
    """See ``Peer``."""

    name: str = "openvino"
    packages: tuple[str, ...] = ("openvino", "nncf")

    def convert(self, subject: Subject) -> Mapping[str, Form]:
        """See ``Peer``."""
        import nncf
        import openvino

        shape = [1, 3, subject.tile, subject.tile]
        model = openvino.convert_model(subject.network, example_input=torch.zeros(shape), input=shape)
        fp32, int8 = (subject.folder / f"openvino-{precision}.xml" for precision in ("fp32", "int8"))
        openvino.save_model(model, fp32, compress_to_fp16=False)
        tiles = list(subject.calibration)
        quantized = nncf.quantize(model, nncf.Dataset(tiles), subset_size=len(tiles))
        openvino.save_model(quantized, int8, compress_to_fp16=False)
        return {"fp32": OpenVinoForm(fp32), "int8": OpenVinoForm(int8)}


@dataclass(frozen=True)
class OpenVinoForm:
    """See ``Form``."""

    model: Path

    def import_libraries(self) -> None:
        """See ``Form``."""
        import openvino  # noqa: F401

    def load(self) -> Run:
        """See ``Form``."""
        import openvino

        options = {
            # Otherwise bfloat16 on processors that have it, which is not what the other rows compute in.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": n_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = openvino.compile_model(self.model, "CPU", options)

        def run(tile: Float) -> Float:
            out: Float = compiled(tile)[0]
            return out

        return run
