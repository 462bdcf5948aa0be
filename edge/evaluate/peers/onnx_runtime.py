"""ONNX Runtime on the CPU: float, and int8 by its own static quantisation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from edge.evaluate.forms import Form, Run, n_threads
from edge.evaluate.peers.peer import Subject
from models.arrays import Float

INPUT = "lr"


@dataclass(frozen=True)
class OnnxRuntime:
    """See ``Peer``."""

    name: str = "onnxruntime"
    packages: tuple[str, ...] = ("onnx", "onnxscript", "onnxruntime")

    def convert(self, subject: Subject) -> Mapping[str, Form]:
        """See ``Peer``."""
        fp32 = export_onnx(subject)
        return {"fp32": OnnxForm(fp32), "int8": OnnxForm(_quantize(fp32, subject.calibration))}


@dataclass(frozen=True)
class OnnxForm:
    """See ``Form``."""

    model: Path

    def import_libraries(self) -> None:
        """See ``Form``."""
        import onnxruntime  # noqa: F401

    def load(self) -> Run:
        """See ``Form``."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads()
        session = onnxruntime.InferenceSession(str(self.model), options, providers=["CPUExecutionProvider"])

        def run(tile: Float) -> Float:
            out: Float = session.run(None, {INPUT: tile})[0]
            return out

        return run


def export_onnx(subject: Subject) -> Path:
    """``subject`` as an ONNX file of one size, with the input ``INPUT``."""
    path = subject.folder / "network.onnx"
    torch.onnx.export(
        subject.network,
        (torch.zeros(1, 3, subject.tile, subject.tile),),
        path,
        input_names=[INPUT],
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    return path


def _quantize(fp32: Path, calibration: Sequence[Float]) -> Path:
    """Int8 per output channel, uint8 activations: what ONNX Runtime recommends for AVX-512 VNNI."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # no type information
        def __init__(self) -> None:
            self._tiles: Iterator[Float] = iter(calibration)

        def get_next(self) -> dict[str, Float] | None:
            tile = next(self._tiles, None)
            return None if tile is None else {INPUT: tile}

    prepared, path = fp32.with_name("prepared.onnx"), fp32.with_name("int8.onnx")
    quant_pre_process(str(fp32), str(prepared))
    quantize_static(
        str(prepared),
        str(path),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return path
