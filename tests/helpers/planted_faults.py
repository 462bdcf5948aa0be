"""Copies of the tiny network's artifacts with a fault in them and cards that believe it, looked into."""

import shutil
import struct
from collections.abc import Collection, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch

from edge.backends.coreml.mil_interpreter import MILProgram, MILRounding
from edge.card import CARD_FILE, Card, hash_program
from edge.card_reader import read_card
from edge.check.baseline import BaselineTile, Bundle
from edge.check.layers import LayerCheck, LayerComparison
from models import LIIF
from models.liif.programs import checkpoint_path
from quantize.graph import LAYERS, module_path


def damaged(folder: Path, copy: Path, old: bytes, new: bytes) -> Path:
    """The artifact with ``new`` for ``old`` in its program, and a card that believes it."""
    shutil.copytree(folder, copy)
    card = read_card(folder)
    (name,) = card.programs
    program = copy / name
    files = [program] if program.is_file() else [f for f in program.rglob("*") if f.is_file()]
    holders = [file for file in files if old in file.read_bytes()]
    assert holders and old != new and len(old) == len(new)
    for file in holders:
        file.write_bytes(file.read_bytes().replace(old, new))
    card = card.model_copy(update={"programs": {name: hash_program(program)}})
    (copy / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
    return copy


def weight_of(model: LIIF, layer: str) -> torch.Tensor:
    """As both forms have it, (out, in, kh, kw): the MLP's last layer as a 1x1 convolution."""
    weight = model.get_parameter(f"{layer}.weight").detach()
    return weight[:, :, None, None] if weight.ndim == 2 else weight


class Int8Layer:
    """What the int8 program of the tiny network holds of ``layer``, as its fake-quantised graph has it."""

    def __init__(self, tiny, layer: str) -> None:
        graph = tiny.fake_quantised(2)["forward"]
        call = next(
            node
            for node in graph.graph.nodes
            if node.target in LAYERS and checkpoint_path(module_path(node), "") == layer
        )
        given, weight, bias = call.args[:3]
        self.codes, self.scales = (attrgetter(node.target)(graph).detach() for node in weight.args[:2])
        self.bias = attrgetter(bias.target)(graph).detach()
        (made,) = call.users
        if made.target is torch.ops.aten.relu.default:
            (made,) = made.users
        self.given_scale = given.args[1]
        self.made_scale, self.made_zero_point = made.args[1:3]

    @property
    def stored_range(self) -> bytes:
        """As the program holds the range of the output."""
        return struct.pack("<fi", self.made_scale, self.made_zero_point)


def flip_the_largest(values: np.ndarray) -> np.ndarray:
    turned = values.copy()
    turned.ravel()[np.abs(turned.astype(np.float64)).argmax()] *= -1
    return turned


class CoreMLFault:
    """A copy of the tiny network's int8 package, to give its roundings other numbers."""

    def __init__(self, tiny, copy: Path) -> None:
        from coremltools.proto import Model_pb2

        self._folder = Path(shutil.copytree(tiny.artifact(2, "int8", "coreml"), copy))
        self._card = read_card(self._folder)
        (self._program,) = self._card.programs
        (self._file,) = (self._folder / self._program).rglob("*.mlmodel")
        self._model = Model_pb2.Model.FromString(self._file.read_bytes())
        main = self._model.mlProgram.functions["main"]
        self._operations = {o.outputs[0].name: o for o in main.block_specializations[main.opset].operations}
        self.layers = MILProgram(self._folder / self._program).layers()

    def change(self, rounding: MILRounding, argument: str, new: np.generic, kinds: Collection[str]) -> None:
        """``new`` in place of a number, scale or zero point, of one or both halves of ``rounding``."""
        dequantize = self._operations[rounding.value]
        quantize = self._operations[dequantize.inputs["input"].arguments[0].name]
        for operation in (quantize, dequantize):
            if operation.type in kinds:
                binding = operation.inputs[argument].arguments[0]
                value = self._operations[binding.name].attributes["val"]
                binding.value.CopyFrom(value)
                binding.value.immediateValue.tensor.bytes.values = new.tobytes()

    def write(self) -> Path:
        """The artifact, with a card that believes it."""
        self._file.write_bytes(self._model.SerializeToString())
        hashed = hash_program(self._folder / self._program)
        card = self._card.model_copy(update={"programs": {self._program: hashed}})
        (self._folder / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
        return self._folder


def check_layers(folder: Path, card: Card, model: LIIF, tiles: Sequence[BaselineTile]) -> LayerCheck:
    """Every layer of the artifact in ``folder`` on ``tiles``."""
    comparison = LayerComparison(folder, card, model, tiles)
    for _ in comparison.steps():
        pass
    return comparison.result()


def look(folder: Path, tiny, bundle: Bundle) -> LayerCheck:
    return check_layers(folder, read_card(folder), tiny.model, bundle.tiles)
