"""The Core ML packages inside a ``.pte``: what its Core ML delegates hold, written out as folders again.

ExecuTorch keeps a package as one run of bytes: its files, one after another, then a table of all files and
folders as JSON, written backwards so that it can be read from the end. A folder stands after what is in
it, the root last. Beside the package lies ``metadata.json``, with the order of its inputs and outputs.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.backends.backend import NO_EXECUTORCH
from edge.errors import BadArtifact, MissingDependency

BACKEND = "CoreMLBackend"  # ExecuTorch's name of it
PACKAGE = "model.mlpackage"
FILE, FOLDER = 0, 1  # kinds of an entry


@dataclass(frozen=True)
class Delegate:
    """A method's package, and the names of the package's inputs in the order of the method's arguments."""

    package: Path
    inputs: tuple[str, ...]


def unpack_delegates(program: Path, folder: Path) -> dict[str, Delegate]:
    """Every method of the ``.pte`` ``program``, its package written into ``folder``.

    Raises BadArtifact for a file that is no program or is damaged, and unless every method is a single
    call of a Core ML delegate that takes all its arguments and gives its one result, in float32 at the
    method's door. MissingDependency without ExecuTorch.
    """
    try:
        return {
            plan.name: _unpack_method(plan, payloads, folder / plan.name)
            for plan, payloads in _read_program(program)
        }
    except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise BadArtifact(
            f"{program}: expected a program of Core ML delegates, found {str(error) or repr(error)}"
        ) from error


def unpack_payload(payload: bytes, folder: Path) -> None:
    """The files of a delegate into the new ``folder``. Raises ValueError for a damaged table."""
    table, _ = json.JSONDecoder().raw_decode(payload[::-1].decode("latin-1"))
    entries = table["nodes"]
    _write(payload, entries, len(entries) - 1, folder)


def _read_program(path: Path) -> list[tuple[Any, list[bytes]]]:
    """Each method's plan, with the payloads of all delegates of the program."""
    try:
        from executorch.exir._serialize._program import deserialize_pte_binary
    except ImportError as error:
        raise MissingDependency(NO_EXECUTORCH) from error
    try:
        program = deserialize_pte_binary(path.read_bytes()).program
    except Exception as error:  # of a damaged file, whatever it meets first
        raise ValueError(f"none that can be read: {error!r}") from error
    payloads = [bytes(each.data) for each in program.backend_delegate_data]
    return [(plan, payloads) for plan in program.execution_plan]


def _unpack_method(plan: Any, payloads: list[bytes], folder: Path) -> Delegate:
    if not _is_plain(plan.name):
        raise ValueError(f"a method named {plan.name!r}")
    calls = [step.instr_args for chain in plan.chains for step in chain.instructions]
    backends = [each.id for each in plan.delegates]
    if len(calls) != 1 or not hasattr(calls[0], "delegate_index") or backends != [BACKEND]:
        raise ValueError(
            f"method {plan.name} with {len(calls)} steps and {', '.join(backends) or 'no'} delegates"
        )
    unpack_payload(payloads[plan.delegates[0].processed.index], folder)
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    names = metadata["inputNames"]
    arguments, results = calls[0].args[: len(names)], calls[0].args[len(names) :]
    if sorted(arguments) != sorted(plan.inputs) or results != plan.outputs or len(results) != 1:
        raise ValueError(f"method {plan.name} whose delegate takes {arguments} and gives {results}")
    elements = {plan.values[index].val.scalar_type.name for index in (*arguments, *results)}
    if elements != {"FLOAT"}:
        raise ValueError(f"method {plan.name} with {', '.join(sorted(elements))} at its door")
    named = dict(zip(arguments, names, strict=True))
    return Delegate(folder / PACKAGE, tuple(named[index] for index in plan.inputs))


def _is_plain(name: str) -> bool:
    """Whether ``name`` is one of a file in a folder, and not of a place elsewhere."""
    return Path(name).name == name and name not in ("", "..")


def _write(payload: bytes, entries: list[Any], index: int, path: Path) -> None:
    entry = entries[index]
    if entry["kind"] == FOLDER:
        path.mkdir(parents=True)
        for name, child in entry["children"].items():
            if not _is_plain(name) or not 0 <= child < index:
                raise ValueError(f"an entry {name!r} that cannot be in a folder")
            _write(payload, entries, child, path / name)
        return
    start, size = entry["dataRegion"]["offset"], entry["dataRegion"]["size"]
    if entry["kind"] != FILE or not 0 <= start <= start + size <= len(payload):
        raise ValueError(f"a file {path.name} of bytes {start} to {start + size} of {len(payload)}")
    path.write_bytes(payload[start : start + size])
