"""LIIF-EDSR as a build sees it: upscales pictures by ×2, ×3, ×4 or any scale (``edge.task``)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from edge.backends.table import BACKENDS
from edge.card import SMALLEST_WINDOW, ArtifactCard, Card, DecodingCard, MeasuredCard, RoutingCard, TileCard
from edge.check.built_in import check_route, measure, measure_patterns
from edge.compress.calibration import (
    CALIBRATION_TILE,
    Equalization,
    calibration_tiles,
    equalization,
    folder_tiles,
)
from edge.errors import BadInput
from edge.images.extremes import calibration_extremes
from edge.images.metrics import EQUAL_DB
from edge.recipe import FAMILY, ArtifactSpec, Recipe
from edge.run.artifact import Artifact
from edge.task import Build, Calibration, Measured
from models import LIIF, checkpoint_hash
from models.arrays import Float
from models.family import Int8Rules, Method, Program
from models.liif.equalization import equalized
from models.liif.int8_form import int8_rules, to_int8_form
from models.liif.programs import (
    MAX_ROWS,
    ROUTE,
    calibration_inputs,
    fixed_route_method,
    methods_of,
    probes_of,
    route_method,
)
from models.liif.router import Router, RouterConfig, load_router

COUNTED_SIDE = 16  # LR pixels of the tile on which multiplications are counted


@dataclass(frozen=True)
class SuperResolution:
    """``model``, as ``edge.task.Task`` has it. Variants: ``x2``, ``x3``, ``x4``, ``any``. ``router``: it goes
    into the program, and predicts where a bigger network gains over this one; ``one_size``: in a form for
    programs that take one size only."""

    model: LIIF
    router: Router | None = None
    one_size: bool = False

    @property
    def family(self) -> str:
        """See ``Network``."""
        return FAMILY

    @property
    def int8(self) -> Int8Rules:
        """See ``Network``."""
        return int8_rules(self.model)

    @cached_property
    def fingerprint(self) -> str:
        """See ``Network``."""
        return checkpoint_hash(self.model)

    @property
    def parameters(self) -> int:
        """See ``Network``."""
        return sum(p.numel() for p in self.model.parameters())

    def program(self, variant: str, tile: int, max_tile: int, probes: bool = False) -> Program:
        """See ``Network``."""
        scale = scale_of(variant)
        sizes = {"h": tile, "w": tile, "n": MAX_ROWS}
        if scale is not None:
            sizes |= {f"{scale}*{axis}": scale * tile for axis in ("h", "w")}
        intermediate = probes_of(self.model, scale, max_tile) if probes else []
        methods = methods_of(self.model, scale, max_tile)
        if self.router is not None:
            router, one_size = self.router, self.one_size
            methods.append(fixed_route_method(router) if one_size else route_method(router, max_tile))
        return Program(tuple(methods), tuple(intermediate), sizes)

    def int8_form(self, program: Program, kept: Collection[str]) -> Program:
        """See ``Network``."""
        factors = self._equalization.factors
        return program.with_modules(
            {m.name: to_int8_form(equalized(m.module, factors), kept) for m in program.every}
        )

    def rare_samples(self) -> Sequence[Float]:
        """See ``Network``. Tiles (1, 3, 32, 32) in [0, 1] of patterns, if the network holds them."""
        return self._equalization.patterns

    @cached_property
    def _equalization(self) -> Equalization:
        return equalization(self.model)

    def inputs(
        self, program: Program, method: Method, samples: Sequence[Float]
    ) -> Iterator[tuple[Tensor, ...]]:
        """See ``Network``."""
        return calibration_inputs(method, program.methods, self.model, samples)

    def calibration(self, folder: Path | None) -> Calibration:
        """See ``Task``. Tiles (1, 3, 48, 48) in [0, 1]."""
        # A user's folder is not named: paths are nobody's business but theirs.
        source = "the built-in pictures" + ("" if folder is None else " and a folder of pictures")
        added = folder_tiles(folder, self.model)
        kind = f"tiles of {CALIBRATION_TILE}x{CALIBRATION_TILE}"
        return Calibration(calibration_tiles(None), calibration_extremes(), added, kind, source)

    def card(self, base: ArtifactCard, variant: str, program: Program, recipe: Recipe) -> Card:
        """See ``Task``."""
        config, scale = self.model.config, scale_of(variant)
        fixed = recipe.tile if BACKENDS[base.target].one_size else None
        decoding = DecodingCard(
            local_ensemble=config.local_ensemble, cell_decode=config.cell_decode, max_rows=MAX_ROWS
        )
        halo = min(recipe.halo, config.full_halo)
        if self.router is not None:  # it may see farther than a small network
            halo = max(halo, self.router.config.halo)
        tile = TileCard(
            maximum=fixed or recipe.max_tile,
            default=recipe.tile,
            halo=halo,
            full_halo=config.full_halo,
            fixed=fixed,
        )
        return Card(
            **dict(base),
            scale=scale or "any",
            tile=tile,
            decoding=decoding if scale is None else None,
            macs_per_output_pixel=count_macs(program, scale or 2),
            measured=None,
            routing=None if self.router is None else routing_card(self.router.config, self.one_size),
        )

    def measure(self, folder: Path) -> Measured:
        """See ``Task``. On the sample pictures, a page of pure colours and one of their finest patterns.

        Patterns are no reason to fail: networks that never saw any give colours in fp32, too, that nobody
        asked for, and reach farther there than int8 ranges of practice.
        """
        artifact = Artifact.open(folder)
        result, patterns = measure(artifact, self.model), measure_patterns(artifact, self.model)
        failures = list(result.failures)
        if self.router is not None:
            failures += check_route(artifact, self.router).failures
        overall = result.overall
        found = MeasuredCard(
            psnr_db=round(min(overall.psnr_db, EQUAL_DB), 2),
            max_abs=overall.max_abs,
            worst_block=round(overall.worst_block, 3),
            worst_flat=round(overall.worst_flat, 3),
            worst_pattern=round(patterns.worst_block, 3),
            on=", ".join(c.name for c in result.comparisons),
        )
        summary = (
            f"{found.psnr_db:.1f} dB from fp32, mean colours of blocks within {found.worst_block:.1f} of 255"
        )
        warnings = []
        if not patterns.worst_block <= (limit := result.threshold.worst_block):
            warnings.append(
                "checks and stripes of single pixels in pure colours, as dithered images have, are off by "
                f"up to {patterns.worst_block:.1f} of 255 (more than {limit:g}): see docs/design/int8.md"
            )
        return Measured(failures, artifact.card.model_copy(update={"measured": found}), summary, warnings)


def build_of(model: LIIF, recipe: Recipe, spec: ArtifactSpec) -> Build:
    """The build of the artifact ``spec`` of ``model``, with a router where there is one for it.

    Raises CheckpointError for what is no router, BadInput for one of another network or another halo.
    """
    router = router_of(model, recipe) if spec.can_route else None
    network = SuperResolution(model, router, BACKENDS[spec.target].one_size)
    return Build(network, spec.variant, spec.precision, spec.target, recipe)


def router_of(model: LIIF, recipe: Recipe) -> Router | None:
    """The router of ``recipe`` for ``model``, if it names one.

    Raises CheckpointError for a file that is none, BadInput for one of another network or another halo.
    """
    if recipe.router is None:
        return None
    found, router = checkpoint_hash(model), load_router(recipe.router)
    config = router.config
    if config.smaller != found:
        raise BadInput(
            f"{recipe.router}: expected a router of this checkpoint, {found[:12]}…, "
            f"found one of {config.smaller[:12]}…"
        )
    if not SMALLEST_WINDOW <= config.halo <= recipe.halo:
        raise BadInput(
            f"{recipe.router}: expected a router with a halo from {SMALLEST_WINDOW} to the tiles' "
            f"{recipe.halo}, found {config.halo}"
        )
    return router


def routing_card(config: RouterConfig, one_size: bool) -> RoutingCard:
    """What the card says of a router of this ``config``, which takes windows of ``one_size`` or of any."""
    return RoutingCard(
        method=ROUTE,
        cell=config.cell,
        halo=config.halo,
        eps=config.eps,
        bigger=config.bigger,
        thresholds=list(config.thresholds),
        window=config.window if one_size else None,
    )


def scale_of(variant: str) -> Literal[2, 3, 4] | None:
    """The fixed scale of a variant, None for any scale."""
    scales: dict[str, Literal[2, 3, 4] | None] = {"x2": 2, "x3": 3, "x4": 4, "any": None}
    return scales[variant]


def count_macs(program: Program, scale: int) -> int:
    """Multiply-accumulates per output pixel at ``scale``, halo not counted."""
    sizes = {"h": COUNTED_SIDE, "w": COUNTED_SIDE, "n": 4 * (scale * COUNTED_SIDE) ** 2}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for method in program.methods:
            if method.name == ROUTE:  # it has its own part of the work, cell by cell
                continue
            method.module(*method.example(sizes))
    flops: int = counter.get_total_flops()
    return round(flops / 2 / (scale * COUNTED_SIDE) ** 2)
