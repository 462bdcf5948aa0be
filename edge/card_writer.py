"""What ``card.json`` says of a program: its methods, tiles, provenance and cost."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from edge.card import (
    Card,
    CheckpointCard,
    DecodingCard,
    MethodCard,
    QuantisationCard,
    TensorCard,
    TileCard,
    hash_program,
)
from edge.recipe import ArtifactSpec, Recipe
from models import LIIF, checkpoint_hash
from models.family import Method, TensorSpec
from models.liif.programs import MAX_ROWS

PTE_FILE = "model.pte"


def _fixed_sizes(recipe: Recipe) -> dict[str, int]:
    """What a program of one size has for the dimensions of a method's inputs."""
    return {"h": recipe.tile, "w": recipe.tile, "n": MAX_ROWS}


def _package(method: Method) -> str:
    return f"{method.name}.mlpackage"


def _describe(
    model: LIIF,
    methods: Sequence[Method],
    stages: Sequence[Method],
    recipe: Recipe,
    spec: ArtifactSpec,
    folder: Path,
    quantisation: QuantisationCard | None,
) -> Card:
    one_size = spec.target != "xnnpack"
    sizes: dict[str, int] = {}  # of the dimensions that a program of one size has fixed
    if one_size:
        sizes = _fixed_sizes(recipe)
        if spec.scale != "any":
            sizes |= {f"{spec.scale}*{axis}": spec.scale * recipe.tile for axis in ("h", "w")}

    def tensor(t: TensorSpec) -> TensorCard:
        shape = [sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in t.shape]
        return TensorCard(name=t.name, shape=shape, range=list(t.range) if t.range else None)

    entries = [
        MethodCard(
            name=method.name,
            program=_package(method) if spec.target == "coreml" else PTE_FILE,
            inputs=[tensor(t) for t in method.inputs],
            output=tensor(method.output),
        )
        for method in (*methods, *stages)
    ]
    config = model.config
    return Card(
        schema_version=1,
        name=spec.name,
        scale=spec.scale,
        target=spec.target,
        precision=spec.precision,
        methods=entries,
        tile=TileCard(
            maximum=recipe.tile if one_size else recipe.max_tile,
            default=recipe.tile,
            halo=min(recipe.halo, config.full_halo),
            full_halo=config.full_halo,
            fixed=recipe.tile if one_size else None,
        ),
        decoding=DecodingCard(
            local_ensemble=config.local_ensemble, cell_decode=config.cell_decode, max_rows=MAX_ROWS
        )
        if spec.scale == "any"
        else None,
        quantisation=quantisation,
        checkpoint=CheckpointCard(
            sha256=checkpoint_hash(model), parameters=sum(p.numel() for p in model.parameters())
        ),
        programs={entry.program: hash_program(folder / entry.program) for entry in entries},
        macs_per_output_pixel=count_macs(methods, spec),
        measured=None,
        versions=_versions(),
    )


def count_macs(methods: Sequence[Method], spec: ArtifactSpec) -> int:
    """Multiply-accumulates per output pixel; for any-scale artifacts at ×2, halo not counted."""
    side = 16
    scale = 2 if spec.scale == "any" else spec.scale
    sizes = {"h": side, "w": side, "n": 4 * (scale * side) ** 2}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for method in methods:
            method.module(*method.example(sizes))
    flops: int = counter.get_total_flops()
    return round(flops / 2 / (scale * side) ** 2)


def _versions() -> dict[str, str]:
    packages = ("liif-edge", "torch", "executorch", "coremltools")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
