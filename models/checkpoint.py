"""Checkpoints in and out: upstream's ``.pth`` and our ``.safetensors`` with its configuration inside.

Neither door runs code from the file: ``torch.load(weights_only=True)`` and safetensors only.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.embedded import check_checkpoint_file
from models.errors import CheckpointError, brief
from models.liif.network import LIIF, LIIFConfig
from models.liif.upstream import read_upstream, write_upstream
from models.output_file import whole_file

# Key of the configuration in the safetensors header.
CONFIG_KEY = "liif-edge"

Module = TypeVar("Module", bound=nn.Module)


def load_checkpoint(path: str | os.PathLike[str]) -> LIIF:
    """The network in ``path`` (upstream's ``.pth``, or our ``.safetensors``), on the CPU, in eval mode.

    Raises CheckpointError if the file is missing, is no such checkpoint, is damaged, would run code,
    or has weights that disagree with its configuration.
    """
    path = Path(path)
    check_checkpoint_file(path)
    read = _read_safetensors if path.suffix.lower() == ".safetensors" else read_upstream
    config, weights = read(path)
    return module_of(path, lambda: LIIF(config), weights)


def save_checkpoint(model: LIIF, path: str | os.PathLike[str]) -> None:
    """Write ``model`` to ``path``: ``.safetensors`` is ours, ``.pth`` is upstream's format.

    The file appears whole or not at all. Upstream's format has one hidden width for all blocks:
    a pruned encoder in it is a CheckpointError, as is a file that cannot be written.
    """
    path = Path(path)
    writers = {".safetensors": _write_safetensors, ".pth": write_upstream}
    write = writers.get(path.suffix.lower())
    if write is None:
        raise CheckpointError(f"{path}: expected a name ending in .safetensors or .pth")
    try:
        with whole_file(path) as partial:
            write(model, partial)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path}: expected to write a checkpoint, found {brief(error)}") from error


def checkpoint_hash(model: LIIF) -> str:
    """SHA-256 of the configuration and the weights: the same network has it in any file format."""
    digest = hashlib.sha256(json.dumps(asdict(model.config), sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def module_of(path: Path, make: Callable[[], Module], weights: Mapping[str, Tensor]) -> Module:
    """The module that ``make`` returns, in eval mode, with the ``weights`` that were read from ``path``.

    Raises CheckpointError for names, shapes or types that are not the module's, and for NaN and infinity.
    """
    with torch.device("meta"):  # shapes only: nothing is allocated for a configuration that is wrong
        expected = {name: tuple(tensor.shape) for name, tensor in make().state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        raise CheckpointError(
            f"{path}: weights disagree with the configuration: " + _difference(expected, found)
        )
    for name, tensor in weights.items():
        if not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.is_meta:
            kind = f"{tensor.dtype}, {tensor.layout} on {tensor.device}"
            raise CheckpointError(f"{path}: expected {name} in floating point, found {kind}")
        if not torch.isfinite(tensor.float()).all():
            raise CheckpointError(f"{path}: expected finite weights, found NaN or infinity in {name}")
    module = make()
    module.load_state_dict(weights, strict=True)
    return module.eval()


def read_header(path: Path, key: str, kind: str) -> tuple[str, dict[str, Tensor]]:
    """The text under ``key`` in the header of a safetensors file, and the file's tensors.

    Raises CheckpointError for another kind of file, and for one without ``key``; ``kind`` names what was
    expected there.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: expected a safetensors file, found {brief(error)}") from error
    if key not in metadata:
        raise CheckpointError(
            f"{path}: expected a {kind} configuration under {key!r} in the header, "
            f"found {brief(sorted(metadata) or 'no metadata')}"
        )
    return metadata[key], weights


def _read_safetensors(path: Path) -> tuple[LIIFConfig, dict[str, Tensor]]:
    text, weights = read_header(path, CONFIG_KEY, "LIIF")
    try:
        return _config_from_json(text), weights
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: configuration in the header: {brief(error)}") from error


def _config_from_json(text: str) -> LIIFConfig:
    return LIIFConfig(**fields_from_json(text, LIIFConfig, ("block_widths", "hidden_widths")))


def fields_from_json(text: str, kind: type[Any], lists: Sequence[str]) -> dict[str, Any]:
    """The fields of the dataclass ``kind`` in ``text``, those in ``lists`` as tuples. Raises ValueError."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ValueError(f"expected JSON, found {error}") from error
    known = {field.name for field in fields(kind)}
    if not isinstance(values, dict) or set(values) != known:
        raise ValueError(f"expected the fields {', '.join(sorted(known))}, found {text}")
    for key in lists:
        if not isinstance(values[key], list):
            raise ValueError(f"expected a list as {key}, found {values[key]}")
        values[key] = tuple(values[key])
    return values


def _write_safetensors(model: LIIF, path: Path) -> None:
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, path, metadata={CONFIG_KEY: json.dumps(asdict(model.config))})


def _difference(expected: Mapping[str, object], found: Mapping[str, object]) -> str:
    """The first disagreement of two name → shape tables, in words."""
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            return f"{brief(name)}: expected {expected.get(name, 'none')}, found {found.get(name, 'none')}"
    return "none"
