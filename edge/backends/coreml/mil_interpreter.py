"""Runs a Core ML package on any machine: interprets its MIL program, with torch as the arithmetic.

It verifies what is in the package: graph, weights, attributes and shapes. It says nothing of Apple's
compiler, of rounding or placement on the Neural Engine, or of speed; ``CoreMLProgram`` of ``runtime`` does.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.backends.backend import Arithmetic
from edge.backends.coreml.mil_operations import (
    CONSTANT_OPERATIONS,
    OPERATIONS,
    PACKED_BITS,
    unpack_bits,
)
from edge.backends.coreml.runtime import accepted_shapes, check_inputs, import_coremltools
from edge.errors import BadArtifact

Value = Tensor | str


@dataclass(frozen=True)
class _Type:
    element: str  # FLOAT16, INT8, ... as MIL calls it
    shape: tuple[int, ...]  # -1: any size

    def __str__(self) -> str:
        return f"{self.element} {self.shape}"

    @property
    def held_as(self) -> torch.dtype:
        """Floats are held in float32; bytes, which activations may be, in bytes; other integers in int64."""
        held = {"FLOAT16": torch.float32, "FLOAT32": torch.float32, "BOOL": torch.bool}
        held |= {"INT8": torch.int8, "UINT8": torch.uint8}
        return held.get(self.element, torch.int64)

    def holds(self, value: Tensor) -> bool:
        fits = all(n in (-1, size) for n, size in zip(self.shape, value.shape, strict=False))
        return value.dtype == self.held_as and value.ndim == len(self.shape) and fits


@dataclass(frozen=True)
class _Operation:
    kind: str
    output: str
    type: _Type
    arguments: dict[str, list[str]]  # names of values; all but ``values`` of a concat have one


@dataclass(frozen=True)
class MILRounding:
    """A pair of quantize and dequantize: ``source`` is rounded and becomes the float ``value`` again, both by
    name. ``lowest``: the first of its 256 codes."""

    source: str
    value: str
    scale: float
    zero_point: int
    lowest: int


@dataclass(frozen=True)
class MILLayer:
    """A convolution or linear layer. ``given``, ``made``: the names of its input and of its output, which is
    taken after the ``rounding`` that follows the layer, if one does; ``relu``: whether a ReLU stands before
    that. ``weight``: in float. ``reads``: the rounding of an input that is no other layer's output."""

    given: str
    made: str
    weight: Tensor
    relu: bool
    rounding: MILRounding | None
    reads: MILRounding | None


class MILProgram:
    """An ``.mlpackage`` as a function of NumPy arrays.

    Tensors are held in float32, and float16 weights are exactly what the file says. ``arithmetic``:

    - ``exact`` rounds nothing that the program calls float16: it shows the graph and the weights;
    - ``fp16`` rounds every float16 result to float16. Convolutions and linear layers accumulate in
      float32 and round once, at the end; a device that accumulates in float16 is worse.

    ``input_shapes``: name to default shape. Raises MissingDependency without coremltools, and
    BadArtifact for a package that is damaged, is no MIL program, or uses an unknown operation.
    """

    def __init__(self, package: Path, arithmetic: Arithmetic = "exact") -> None:
        if arithmetic not in get_args(Arithmetic):
            raise BadArtifact(f"expected arithmetic exact or fp16, found {arithmetic!r}")
        self._package = package
        self._fp16 = arithmetic == "fp16"
        self._model_file = _model_file(package)
        self._readers: dict[Path, Any] = {}
        self._constants: dict[str, Value] = {}
        description, function, block = _read_program(package, self._model_file)
        self._accepted = accepted_shapes(description)
        try:
            self._inputs = {feature.name: _type(feature.type) for feature in function.inputs}
            self._outputs = list(block.outputs)
            self._operations = [self._read(spec) for spec in block.operations if not self._constant(spec)]
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise self._bad(f"expected a MIL program that can be read, found {error!r}") from error
        made = {operation.output for operation in self._operations}
        if self._inputs.keys() != self._accepted.keys() or not made.issuperset(self._outputs):
            raise self._bad(
                f"expected inputs {', '.join(self._accepted)} as described and outputs that are computed, "
                f"found {', '.join(self._inputs)} and {', '.join(self._outputs)}"
            )
        self._last_uses = self._plan_memory()
        self.input_shapes = {name: shapes[0] for name, shapes in self._accepted.items()}

    def run(
        self,
        inputs: Mapping[str, NDArray[np.float32]],
        observe: Callable[[str, Tensor], None] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """``inputs`` by name, float32, of ``input_shapes`` or of another shape that the package lists;
        the outputs by name, float32.

        ``observe`` is called after each operation with the name of its output and the tensor (floats in
        float32), which it must not change. Raises BadArtifact for missing, unknown or misshapen inputs,
        and where a result is not of the type that the program declares.
        """
        check_inputs(self._package, inputs, self._accepted)
        values: dict[str, Any] = dict(self._constants)
        for name, array in inputs.items():
            values[name] = self._checked(f"input {name!r}", torch.tensor(array), self._inputs[name])
        with torch.no_grad():
            for operation, finished in zip(self._operations, self._last_uses, strict=True):
                result = self._apply(OPERATIONS[operation.kind], operation, values)
                values[operation.output] = result
                if observe is not None:
                    observe(operation.output, result)
                for name in finished:
                    del values[name]
        return {name: values[name].numpy() for name in self._outputs}

    def layers(self) -> list[MILLayer]:
        """The convolutions and linear layers, in the program's order."""
        found: list[MILLayer] = []
        roundings = self._roundings()
        by_value = {rounding.value: rounding for rounding in roundings.values()}
        for operation in self._operations:
            weight = self._constants.get(operation.arguments.get("weight", [""])[0])
            if operation.kind in ("conv", "linear") and isinstance(weight, Tensor):
                given = operation.arguments["x"][0]
                relu = next((o.output for o in self._operations if self._rectifies(o, operation)), None)
                rounding = roundings.get(relu or operation.output)
                made = operation.output if rounding is None else rounding.value
                reads = by_value.get(given)
                if any(layer.rounding == reads for layer in found):
                    reads = None
                found.append(
                    MILLayer(given, made, weight, rounding is not None and relu is not None, rounding, reads)
                )
        return found

    def _rectifies(self, operation: _Operation, layer: _Operation) -> bool:
        return operation.kind == "relu" and operation.arguments["x"][0] == layer.output

    def _roundings(self) -> dict[str, MILRounding]:
        """All pairs of a quantize and a dequantize, by their sources; the first one that reads a source."""
        values: dict[str, str] = {}
        for operation in self._operations:
            if operation.kind == "dequantize":
                values.setdefault(operation.arguments["input"][0], operation.output)
        found: dict[str, MILRounding] = {}
        for operation in self._operations:
            if operation.kind == "quantize" and operation.output in values:
                source, scale = operation.arguments["input"][0], self._number(operation, "scale")
                zero_point = int(self._number(operation, "zero_point"))
                lowest = -128 if operation.type.element == "INT8" else 0
                rounding = MILRounding(source, values[operation.output], scale, zero_point, lowest)
                found.setdefault(source, rounding)
        return found

    def _number(self, operation: _Operation, argument: str) -> float:
        """A constant argument's value, zero where the operation has none."""
        if argument not in operation.arguments:
            return 0.0
        value = self._constants[operation.arguments[argument][0]]
        assert isinstance(value, Tensor)
        return float(value)

    def _apply(
        self, function: Callable[..., Tensor], operation: _Operation, values: Mapping[str, Value]
    ) -> Tensor:
        what = f"{operation.kind} {operation.output!r}"
        try:
            arguments = {
                key: [values[name] for name in names] if key == "values" else values[names[0]]
                for key, names in operation.arguments.items()
            }
            result = function(**arguments)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise self._bad(f"{what}: {error}") from error
        return self._checked(what, result, operation.type)

    def _checked(self, what: str, value: Tensor, declared: _Type) -> Tensor:
        """``value``, rounded as ``declared`` and the arithmetic demand."""
        if not declared.holds(value):
            raise self._bad(f"{what}: declared {declared}, found {value.dtype} {tuple(value.shape)}")
        return value.half().float() if self._fp16 and declared.element == "FLOAT16" else value

    def _bad(self, message: str) -> BadArtifact:
        return BadArtifact(f"{self._package}: {message.splitlines()[0]}")

    def _constant(self, spec: Any) -> bool:
        """Whether ``spec`` is a constant; if so, its value is kept."""
        if spec.type == "const":
            self._constants[spec.outputs[0].name] = self._value(spec.attributes["val"])
            return True
        if spec.type in CONSTANT_OPERATIONS:
            operation = self._read(spec)
            function = CONSTANT_OPERATIONS[spec.type]
            self._constants[operation.output] = self._apply(function, operation, self._constants)
            return True
        return False

    def _read(self, spec: Any) -> _Operation:
        if spec.type not in OPERATIONS and spec.type not in CONSTANT_OPERATIONS:
            known = ", ".join(["const", *CONSTANT_OPERATIONS, *OPERATIONS])
            raise self._bad(f"expected operations of {known}, found {spec.type}")
        if len(spec.outputs) != 1:
            raise self._bad(f"expected one output of {spec.type}, found {len(spec.outputs)}")
        output = spec.outputs[0]
        arguments: dict[str, list[str]] = {}
        for key, argument in spec.inputs.items():
            arguments[key] = [
                binding.name or self._keep(f"{output.name}.{key}.{i}", binding.value)
                for i, binding in enumerate(argument.arguments)
            ]
        for key, value in spec.attributes.items():
            if key != "name":
                arguments[key] = [self._keep(f"{output.name}.{key}", value)]
        return _Operation(spec.type, output.name, _type(output.type), arguments)

    def _keep(self, name: str, spec: Any) -> str:
        self._constants[name] = self._value(spec)
        return name

    def _plan_memory(self) -> list[list[str]]:
        """For each operation the values that nothing reads after it, so that they need not be held."""
        seen = {*self._outputs, *self._constants}
        plan = []
        for operation in reversed(self._operations):
            read = {name for names in operation.arguments.values() for name in names}
            plan.append(sorted({operation.output, *read} - seen))
            seen |= read
        return plan[::-1]

    def _value(self, spec: Any) -> Value:
        declared = _type(spec.type)
        if spec.WhichOneof("value") == "blobFileValue":
            value = torch.tensor(self._blob(spec.blobFileValue, declared))
        else:
            tensor = spec.immediateValue.tensor
            kind = tensor.WhichOneof("value")
            if kind == "strings":
                return str(tensor.strings.values[0])
            values = getattr(tensor, kind).values
            value = _from_bytes(values, declared) if kind == "bytes" else torch.tensor(values)
        if value.numel() != math.prod(declared.shape):
            raise self._bad(f"expected a constant {declared}, found {value.numel()} elements")
        return value.to(declared.held_as).view(declared.shape)

    def _blob(self, spec: Any, declared: _Type) -> Any:
        """The elements at an offset of weight.bin, one in each of the array's."""
        from coremltools.libmilstoragepython import _BlobStorageReader

        file = self._model_file.parent / spec.fileName.removeprefix("@model_path/")
        if not file.resolve().is_relative_to(self._package.resolve()):
            raise self._bad(f"expected weights inside the package, found {spec.fileName}")
        kind = {"FLOAT32": "float", "FLOAT16": "fp16"}.get(declared.element, declared.element.lower())
        try:
            if file not in self._readers:
                self._readers[file] = _BlobStorageReader(str(file))
            stored = getattr(self._readers[file], f"read_{kind}_data")(spec.offset)
        except (AttributeError, RuntimeError, ValueError) as error:
            raise self._bad(f"expected {declared} at byte {spec.offset} of {file.name}: {error}") from error
        return stored.view(np.float16) if kind == "fp16" else stored


def _type(spec: Any) -> _Type:
    from coremltools.proto import MIL_pb2

    sizes = [d.constant.size if d.HasField("constant") else -1 for d in spec.tensorType.dimensions]
    return _Type(MIL_pb2.DataType.Name(spec.tensorType.dataType), tuple(sizes))


def _from_bytes(data: bytes, declared: _Type) -> Tensor:
    if declared.element in PACKED_BITS:
        packed, bits = np.frombuffer(data, np.uint8), PACKED_BITS[declared.element]
        return unpack_bits(packed, bits, declared.shape, signed=declared.element == "INT4")
    return torch.tensor(np.frombuffer(data, declared.element.lower()))


def _model_file(package: Path) -> Path:
    """The program in ``package``, by its manifest."""
    try:
        manifest = json.loads((package / "Manifest.json").read_text())
        entry = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        return package / "Data" / str(entry["path"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BadArtifact(
            f"{package}: expected a Core ML package with a manifest, found {error!r}"
        ) from error


def _read_program(package: Path, model_file: Path) -> tuple[Any, Any, Any]:
    """The package's interface, its one function, and that function's block of operations."""
    import_coremltools()
    from coremltools.proto import Model_pb2
    from google.protobuf.message import DecodeError

    try:
        model = Model_pb2.Model.FromString(model_file.read_bytes())
    except (OSError, DecodeError) as error:
        raise BadArtifact(f"{package}: expected a Core ML model, found {error}") from error
    functions = model.mlProgram.functions
    if list(functions) != ["main"] or functions["main"].opset not in functions["main"].block_specializations:
        raise BadArtifact(
            f"{package}: expected an ML program with one function main, "
            f"found {model.WhichOneof('Type')} with {', '.join(functions) or 'none'}"
        )
    main = functions["main"]
    return model.description, main, main.block_specializations[main.opset]
