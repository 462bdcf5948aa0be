"""An artifact: a folder with a program and its card, opened through one door whatever its target."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

import numpy as np

from edge.backends.backend import Executable, RuntimeOptions
from edge.backends.table import load_program
from edge.card import CARD_FILE, Card
from edge.card_reader import read_card
from edge.devices.device import Device, DevicePrograms
from edge.errors import BadInput, OutputExists
from edge.output_file import whole_folder
from edge.run.tiling import Rect, Tile
from models.arrays import Float
from models.liif.cells import fit_window

if TYPE_CHECKING:
    from models import LIIF


class Artifact:
    """``Artifact.open(path)(tile)``: a tile ``(1, 3, h, w)`` in [0, 1] to ``(1, 3, H, W)``, not clamped.

    Any number of threads may use one: its program runs one call at a time.
    """

    def __init__(self, card: Card, program: Executable) -> None:
        self.card = card
        self._program = program
        self._running = Lock()

    @classmethod
    def open(cls, folder: str | os.PathLike[str], device: Device | None = None) -> Self:
        """Check the card and the program's hash, then load the program, or have it run on ``device``.

        Without a device: ExecuTorch's Python runtime; Core ML on macOS, its interpreter elsewhere.
        Raises BadArtifact for a folder that is none, MissingDependency without what the target needs.
        """
        folder = Path(folder)
        card = read_card(folder)
        if device is not None:
            return cls(card, DevicePrograms(device, folder))
        return cls(
            card, load_program(folder, card, RuntimeOptions(None if sys.platform == "darwin" else "fp16"))
        )

    def __call__(self, tile: Float, size: tuple[int, int] | None = None) -> Float:
        """Upscale a whole small picture as one tile, a tiny one without ``upscale``'s extension.

        ``size`` (H, W) is for any-scale artifacts only.

        Raises BadInput for another shape, a tile that the program does not take, or a size that does
        not fit the artifact's scale.
        """
        # ExecuTorch's runtime ends the process over a tile without pixels.
        if tile.ndim != 4 or tile.shape[:2] != (1, 3) or tile.dtype != np.float32 or 0 in tile.shape:
            raise BadInput(f"expected a float32 tile (1, 3, h, w), found {tile.dtype} {tile.shape}")
        h, w = tile.shape[2:]
        size = self.output_size((h, w), size)
        whole = Tile(Rect(0, 0, h, w), Rect(0, 0, *size))
        return self.render(tile, whole, (h, w), size)[None]

    def output_size(self, lr_size: tuple[int, int], size: tuple[int, int] | None) -> tuple[int, int]:
        """The picture's size after upscaling; ``size`` must be given for any-scale artifacts only."""
        if self.card.scale == "any":
            if size is None or min(size) < 1:
                raise BadInput(f"expected a target size for an any-scale artifact, found {size}")
            return size
        scaled = (lr_size[0] * self.card.scale, lr_size[1] * self.card.scale)
        if size not in (None, scaled):
            raise BadInput(f"expected the target {scaled} of a ×{self.card.scale} artifact, found {size}")
        return scaled

    def render(self, window: Float, tile: Tile, lr_size: tuple[int, int], size: tuple[int, int]) -> Float:
        """The target of ``tile`` of a picture of ``lr_size`` that becomes one of ``size``, (height, width):
        colours (3, H', W'), not clamped. ``window``: the tile's source (1, 3, h', w')."""
        [made] = self.render_sizes(window, [tile], lr_size, [size])
        return made

    def render_sizes(
        self,
        window: Float,
        tiles: Sequence[Tile],
        lr_size: tuple[int, int],
        sizes: Sequence[tuple[int, int]],
    ) -> list[Float]:
        """``render`` of a tile for each of ``sizes``; ``tiles`` have one source, which is encoded once."""
        self._check_tile(tiles[0].source)
        if self.card.scale != "any":
            made = self.forward(window)[0]
            crops = [tile.crop(self.card.scale) for tile in tiles]
            return [made[:, slice(*crop.rows), slice(*crop.columns)] for crop in crops]
        encoded = self.encode(window)
        return [self.decode(encoded, lr_size, *of) for of in zip(sizes, tiles, strict=True)]

    def forward(self, window: Float) -> Float:
        """A fixed-scale program as it is: (1, 3, h, w) to (1, 3, s·h, s·w)."""
        return self._run("forward", {"lr": window})

    def route(self, window: Float) -> float:
        """What the router predicts that the bigger network gains in a cell, as log2 (``RoutingCard``).
        ``window``: the cell and what of its halo the picture has, (1, 3, h, w) in [0, 1]."""
        routing = self.card.routing
        assert routing is not None
        inputs = {"lr": window}
        if routing.window is not None:
            inputs["lr"], inputs["inside"] = fit_window(window, routing.window)
        return float(self._run(routing.method, inputs).item())

    def encode(self, window: Float) -> Float:
        """The any-scale encoder: (1, 3, h, w) to its map (1, C, h, w), a pixel's C features side by side in
        memory: ``decode`` gathers them pixel by pixel."""
        encoded = self._run("encode", {"lr": window})
        return np.ascontiguousarray(encoded.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)

    def decode(self, encoded: Float, lr_size: tuple[int, int], size: tuple[int, int], tile: Tile) -> Float:
        """The any-scale decoder: the target of ``tile`` (3, H', W') of a picture of ``lr_size`` enlarged to
        ``size``, from the map that ``encode`` made of the tile's source. Any part of a target will do."""
        from models.liif.any_scale import blend_rows, gather_rows, plan_queries

        decoding = self.card.decoding
        assert decoding is not None  # the card was checked
        source, target = tile.source, tile.target
        queries = plan_queries(
            lr_size,
            size,
            target.rows,
            target.columns,
            (source.top, source.left, source.height, source.width),
            local_ensemble=decoding.local_ensemble,
            cell_decode=decoding.cell_decode,
        )
        neighbours, n_pixels = queries.index.shape
        out = np.empty((n_pixels, 3), np.float32)
        step = decoding.max_rows // neighbours
        for start in range(0, n_pixels, step):
            part = slice(start, start + step)
            index = queries.index[:, part].ravel()
            coordinates = queries.coordinates[:, part].reshape(index.size, -1)
            colours = self._decode_rows(gather_rows(encoded[0], index), coordinates)
            out[part] = blend_rows(colours.reshape(neighbours, -1, 3), queries.weight[:, part])
        return out.T.reshape(3, target.height, target.width)

    def probe(self, name: str, window: Float) -> Float:
        """What the method of a probe (``edge.check.probes``) returns for (1, 3, h, w).

        Raises BadInput for a tile that the program does not take.
        """
        self._check_tile(Rect(0, 0, *window.shape[2:]))
        return self._run(name, {"lr": window})

    @property
    def ran_on(self) -> dict[str, str]:
        """Where the program runs, in words; a device that is asked each time has answered by now."""
        return self._program.about

    def _run(self, method: str, inputs: Mapping[str, Float]) -> Float:
        with self._running:  # a runtime keeps what a method computes in memory of the method's own
            return self._program.run(method, inputs)

    def _decode_rows(self, rows: Float, coordinates: Float) -> Float:
        """One call of ``decode``. Where the program takes one number of rows, the rest is left zero."""
        fixed = next(m for m in self.card.methods if m.name == "decode").inputs[0].shape[0]
        n = len(rows)
        if isinstance(fixed, int) and n < fixed:
            rows, coordinates = (np.pad(a, ((0, fixed - n), (0, 0))) for a in (rows, coordinates))
        return self._run("decode", {"rows": rows, "coordinates": coordinates})[:n]

    def _check_tile(self, source: Rect) -> None:
        limits, found = self.card.tile, (source.height, source.width)
        if limits.fixed is not None and found != (limits.fixed, limits.fixed):
            raise BadInput(
                f"expected a tile of {limits.fixed}x{limits.fixed} pixels, the only size that "
                f"{self.card.name} takes, found {found[0]}x{found[1]}"
            )
        if max(found) > limits.maximum:
            raise BadInput(f"expected tiles up to {limits.maximum} pixels, found {found[0]}x{found[1]}")


def window_of(lr: Float, source: Rect) -> Float:
    """``source`` of ``lr`` (3, h, w) as (1, 3, h', w'); outside the picture its nearest pixel."""
    height, width = lr.shape[1:]
    rows = np.arange(*source.rows).clip(0, height - 1)
    columns = np.arange(*source.columns).clip(0, width - 1)
    return lr.take(rows, axis=1).take(columns, axis=2)[None]


def new_artifact(folder: Path, force: bool) -> AbstractContextManager[Path]:
    """A ``whole_folder`` to fill. With ``force`` an artifact, and nothing else, is replaced: OutputExists."""
    if force and folder.exists() and not (folder / CARD_FILE).is_file():
        raise OutputExists(f"{folder}: expected an artifact to replace, found something else there")
    return whole_folder(folder, force)


def load_network(card: Card, checkpoint: Path) -> "LIIF":
    """The network in ``checkpoint``, of which the artifact of ``card`` was made.

    Raises CheckpointError for what is none, BadInput for another one.
    """
    from models import checkpoint_hash, load_checkpoint

    model = load_checkpoint(checkpoint)
    found = checkpoint_hash(model)
    if found != card.checkpoint.sha256:
        raise BadInput(
            f"expected --checkpoint to be the artifact's, {card.checkpoint.sha256[:12]}…, "
            f"found {checkpoint} ({found[:12]}…)"
        )
    return model
