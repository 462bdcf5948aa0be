"""The any-scale networks that answer while someone looks: in this process, a region at a time."""

import threading
from collections.abc import Hashable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cachetools import LRUCache, cachedmethod

from edge.card import Card, DecodingCard, MethodCard, TensorCard
from edge.card_reader import read_card
from edge.embedded import ROUTED, shipped_artifact
from edge.errors import BadInput
from edge.page.enlargement import PagePrecision
from edge.run.artifact import Artifact, load_network, window_of
from edge.run.routing import check_pair
from edge.run.tiling import Rect, Tile, plan_tiles
from models import EMBEDDED
from models.arrays import Float

if TYPE_CHECKING:
    from models import LIIF

# Encoded tiles that are kept: 15 of 128x128 pixels by `baseline`, 64 by `fast`.
MAX_ENCODED_BYTES = 256 * 2**20

# LR pixels around a tile of the fp32 network. Nothing beyond is seen in the result (docs/format/tiling.md).
FP32_HALO = 16


class RegionRenderer:
    """An any-scale artifact that keeps what it has encoded. Safe to be called by several threads."""

    def __init__(self, artifact: Artifact) -> None:
        self.card = artifact.card
        self._artifact = artifact
        self._encoded: LRUCache[Any, Float] = LRUCache(MAX_ENCODED_BYTES, getsizeof=lambda map_: map_.nbytes)
        self._lock = threading.Lock()

    def render(self, lr: Float, key: Hashable, size: tuple[int, int], region: Rect) -> Float:
        """``region`` of ``lr`` (3, h, w) enlarged to ``size`` (H, W): what ``render_tiles`` makes there,
        (3, H', W'), not clamped. ``key`` is the picture's: what was encoded of it is not encoded again.
        """
        lr_size, limits = (lr.shape[1], lr.shape[2]), self.card.tile
        side = limits.fixed or limits.default
        out = np.empty((3, region.height, region.width), np.float32)
        for tile in plan_tiles(lr_size, size, (side, side), limits.halo, limits.smallest_side):
            part = _overlap(tile.target, region)
            if part is not None:
                inside = part.within(region)
                with self._lock:
                    encoded = self._encode(lr, key, tile.source)
                    out[:, slice(*inside.rows), slice(*inside.columns)] = self._artifact.decode(
                        encoded, lr_size, size, Tile(tile.source, part)
                    )
        return out

    @cachedmethod(attrgetter("_encoded"), key=lambda self, lr, key, source: (key, source))
    def _encode(self, lr: Float, key: Hashable, source: Rect) -> Float:
        return self._artifact.encode(window_of(lr, source))


def _overlap(a: Rect, b: Rect) -> Rect | None:
    top, left = max(a.top, b.top), max(a.left, b.left)
    height, width = min(a.rows[1], b.rows[1]) - top, min(a.columns[1], b.columns[1]) - left
    return Rect(top, left, height, width) if min(height, width) > 0 else None


class Networks:
    """Who enlarges: the embedded weights by name, or one ``artifact`` of the user's, whose fp32 network is in
    ``checkpoint`` (None: among the embedded ones). ``bigger``: the artifact that its router knows (None: the
    embedded one).

    Raises BadArtifact for what is none; BadInput where its fp32 network is not found, and for a ``bigger``
    one that no router of it knows.
    """

    def __init__(
        self, artifact: Path | None = None, checkpoint: Path | None = None, bigger: Path | None = None
    ) -> None:
        self.artifact, self.bigger = artifact, bigger
        self.card = None if artifact is None else read_card(artifact)
        if bigger is not None:
            if self.card is None:
                raise BadInput("expected --artifact with --bigger, found none")
            check_pair(self.card, read_card(bigger))
        self._models: dict[str, LIIF] = {}
        self._renderers: dict[tuple[str, PagePrecision], RegionRenderer] = {}
        self._lock = threading.RLock()
        if self.card is not None:
            self._models[self.card.name] = _network_of(self.card, checkpoint)

    @property
    def routed(self) -> Card | None:
        """Of what enlarges with an effort: the artifact, or the one of embedded weights. None: no router."""
        card = self.card or read_card(shipped_artifact(ROUTED, 2))
        return card if card.routing is not None else None

    def of_page(self, weights: str, precision: PagePrecision) -> RegionRenderer:
        """What renders a region at any zoom. Of an artifact of one scale it is the fp32 network."""
        one_scale = self.card is not None and self.card.scale != "any"
        return self._renderer(weights, "fp32" if one_scale else precision)

    def fp32(self, weights: str) -> RegionRenderer:
        """The network of ``weights``, or of the artifact, in PyTorch."""
        return self._renderer(weights, "fp32")

    def model(self, weights: str) -> "LIIF":
        """The network of ``weights``, or of the artifact."""
        from models import load_checkpoint

        name = weights if self.card is None else self.card.name
        with self._lock:
            if name not in self._models:
                self._models[name] = load_checkpoint(EMBEDDED[name])
            return self._models[name]

    def _renderer(self, weights: str, precision: PagePrecision) -> RegionRenderer:
        name = weights if self.card is None else self.card.name
        with self._lock:
            if (name, precision) not in self._renderers:
                artifact = Artifact.open(self.artifact or shipped_artifact(name, "any"))
                if precision == "fp32":
                    artifact = fp32_artifact(self.model(weights), artifact.card)
                self._renderers[name, precision] = RegionRenderer(artifact)
            return self._renderers[name, precision]


def _network_of(card: Card, checkpoint: Path | None) -> "LIIF":
    """The network that the artifact of ``card`` was made of."""
    from models import checkpoint_hash, load_checkpoint

    if checkpoint is not None:
        return load_network(card, checkpoint)
    for path in EMBEDDED.values():
        model = load_checkpoint(path)
        if checkpoint_hash(model) == card.checkpoint.sha256:
            return model
    raise BadInput(
        f"expected an artifact of embedded weights, or --checkpoint with those of {card.name}, "
        f"found others ({card.checkpoint.sha256[:12]}…)"
    )


def fp32_artifact(model: "LIIF", card: Card) -> Artifact:
    """``model`` in PyTorch as an any-scale artifact, to compare with the one that has ``card``."""
    from models.liif.programs import MAX_ROWS, methods_of

    methods = methods_of(model, None, card.tile.maximum)
    tensors = [
        MethodCard(
            name=method.name,
            program=next(iter(card.programs)),
            inputs=[TensorCard(name=t.name, shape=list(t.shape)) for t in method.inputs],
            output=TensorCard(name=method.output.name, shape=list(method.output.shape)),
        )
        for method in methods
    ]
    decoding = DecodingCard(
        local_ensemble=model.config.local_ensemble, cell_decode=model.config.cell_decode, max_rows=MAX_ROWS
    )
    tile = card.tile.model_copy(update={"halo": min(FP32_HALO, model.config.full_halo), "fixed": None})
    changed = {"name": "fp32", "precision": "fp32", "scale": "any", "methods": tensors, "decoding": decoding}
    return Artifact(
        card.model_copy(update={**changed, "tile": tile}),
        _TorchProgram({method.name: method.module for method in methods}),
    )


class _TorchProgram:
    """Modules in place of an exported program."""

    def __init__(self, modules: Mapping[str, Any]) -> None:
        self._modules = modules
        self.about = {"device": "PyTorch"}

    def run(self, method: str, inputs: Mapping[str, Float]) -> Float:
        import torch

        with torch.no_grad():
            tensors = [torch.from_numpy(np.ascontiguousarray(value)) for value in inputs.values()]
            output: Float = self._modules[method](*tensors).numpy()
            return output
