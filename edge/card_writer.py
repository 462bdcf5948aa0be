"""Writes what ``card.json`` says of every artifact: methods, programs, provenance, versions."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from edge.backends.table import BACKENDS
from edge.card import (
    CARD_FILE,
    ArtifactCard,
    CheckpointCard,
    MethodCard,
    QuantisationCard,
    TensorCard,
    hash_program,
)
from edge.task import Build
from models.family import Program, TensorSpec


def describe(
    build: Build,
    program: Program,
    quantisation: QuantisationCard | None,
    files: Mapping[str, str],
    folder: Path,
) -> ArtifactCard:
    """The card of what ``build`` exported of ``program`` into ``folder``; ``files``: by method."""
    sizes = program.sizes if BACKENDS[build.target].one_size else {}

    def tensor(t: TensorSpec) -> TensorCard:
        shape = [sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in t.shape]
        return TensorCard(name=t.name, shape=shape, range=list(t.range) if t.range else None)

    network = build.network
    base = ArtifactCard(
        schema_version=1,
        name=build.name,
        target=build.target,
        precision=build.precision,
        methods=[
            MethodCard(
                name=method.name,
                program=files[method.name],
                inputs=[tensor(t) for t in method.inputs],
                output=tensor(method.output),
            )
            for method in program.every
        ],
        quantisation=quantisation,
        checkpoint=CheckpointCard(sha256=network.fingerprint, parameters=network.parameters),
        programs={file: hash_program(folder / file) for file in files.values()},
        versions=_versions(),
    )
    return network.card(base, build.variant, program, build.recipe)


def write_card(card: ArtifactCard, folder: Path) -> None:
    """``card`` into the artifact that is being made in ``folder``."""
    (folder / CARD_FILE).write_text(card.to_json(), encoding="utf-8")


def _versions() -> dict[str, str]:
    packages = ("liif-edge", "torch", "executorch", "coremltools")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
