"""What the page asks of the toolkit: the functions behind ``liif-edge upscale``, in the same order, so that a
download has the command's bytes."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.cache import find_artifact, find_bigger
from edge.card import Precision
from edge.card_reader import read_card
from edge.errors import BadInput
from edge.images.image_file import bits_of_output, check_output, read_image, write_picture
from edge.images.metrics import psnr
from edge.images.picture import Picture
from edge.run.artifact import Artifact
from edge.run.routing import Cells, Effort, RoutedArtifact, route, routing_of
from edge.run.upscale import (
    check_target,
    enlarged,
    render_tiles,
    strips_of_planes,
)
from edge.run.weights import Choice, choose_weights
from models import EMBEDDED
from models.arrays import Float
from models.resize import bicubic

# Of a network on the page: as it comes with the package, or in float.
PagePrecision = Literal["int8", "fp32"]
# 12 bytes each, in a temporary file while the page is open: 1.2 GB.
MAX_OUTPUT_PIXELS = 100_000_000

PRECISIONS: tuple[PagePrecision, ...] = ("int8", "fp32")


@dataclass(frozen=True)
class Order:
    """A picture to enlarge to ``size`` (H, W), by ``artifact`` or else by embedded ``weights``.

    ``effort``: of an artifact with a router, above 0 with the ``bigger`` one that it knows, or else with the
    embedded one: see ``check_effort``. ``planes``: the .npy file to make, (3, H, W) float32, not clamped, or
    (4, H, W) with alpha. ``reduced_error``: another one, (h, w): see ``measure``. ``chosen``: a third one
    where there is a router, (h, w) bool: where the bigger network enlarged the picture, its colours or its
    alpha.
    """

    picture: Path
    size: tuple[int, int]
    weights: str
    precision: PagePrecision
    artifact: Path | None
    bigger: Path | None
    effort: int
    planes: Path
    reduced_error: Path
    chosen: Path


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` tiles; the target's first ``rows`` are whole."""

    done: int
    total: int
    rows: int


@dataclass(frozen=True)
class Numbers:
    """A whole enlargement, in steps of 1/255 unless it says dB.

    ``added_*``: the largest difference of a pixel's colours from bicubic. ``consistency_*``: the enlargement
    reduced by bicubic again against the picture it was made from. Clear pixels count by their alpha.
    ``share_percent``: of its cells, what the bigger network made; None where there is no router.
    """

    added_mean: float
    added_largest: float
    consistency_psnr_db: float
    consistency_largest: float
    share_percent: float | None = None


def read_picture(path: Path) -> tuple[Picture, Choice]:
    """The picture in ``path``, and the embedded weights that suit the file. Raises BadImage."""
    picture = _read(path)
    return picture, choose_weights(path, picture.strips)


def _read(path: Path) -> Picture:
    # The page looks at every part of a picture again and again: it is held, whatever its size.
    return read_image(path, held=sys.maxsize)


def check_page_target(lr_size: tuple[int, int], size: tuple[int, int]) -> None:
    """Raises BadInput for a ``size`` that the command would refuse, too, or that is too much to keep."""
    check_target(lr_size, size)
    if size[0] * size[1] > MAX_OUTPUT_PIXELS:
        raise BadInput(
            f"expected a target of at most {MAX_OUTPUT_PIXELS} pixels on this page, "
            f"found {size[1]}x{size[0]}; liif-edge upscale has no such limit"
        )


def precision_of(precision: PagePrecision) -> Precision | None:
    """What the command has as ``--precision``; None: as it comes with the package."""
    return "fp32" if precision == "fp32" else None


def check_effort(order: Order, lr_size: tuple[int, int]) -> None:
    """Raises BadInput, in the command's words, for an effort of ``order`` where what enlarges a picture of
    ``lr_size`` has no router."""
    if order.effort:
        # Nothing is built: embedded weights that ``routed_weights`` has chosen come at any scale.
        card = read_card(_folder_of(order, lr_size, lambda _: None))
        routing_of(card, "" if order.artifact else f"{card.name} of {order.weights}")


def enlarge(order: Order, log: Callable[[str], None]) -> Iterator[Progress | Numbers]:
    """Fill the files of ``order`` and say how far they are; ``log`` is told of an artifact to be built.

    A caller that stops asking stops the work. Raises LiifEdgeError for what the command refuses.
    """
    picture = _read(order.picture)
    artifact = open_artifact(order, picture.size, log)
    planes = picture.planes

    routed = _routed(order, artifact, planes.shape[1:], log)
    out = np.lib.format.open_memmap(order.planes, "w+", np.float32, (len(planes), *order.size))
    work = render_tiles(routed or artifact, planes, order.size, keeps_flat=True)
    yield Progress(0, len(work), 0)
    for done, (target, tile) in enumerate(work, 1):
        out[:, slice(*target.rows), slice(*target.columns)] = tile
        last = target.columns[1] == order.size[1]
        yield Progress(done, len(work), target.rows[1] if last else target.top)
    error, numbers = measure(out, planes)
    np.save(order.reduced_error, error)
    if artifact.card.routing is not None:
        numbers = replace(numbers, share_percent=100 * routed.share if routed else 0.0)
    yield numbers


def _routed(
    order: Order, artifact: Artifact, lr_size: tuple[int, ...], log: Callable[[str], None]
) -> RoutedArtifact | None:
    """What marks in ``order.chosen`` where it takes the bigger network. None for an effort of 0, at which no
    bigger artifact need be there: nothing is marked."""
    routing = artifact.card.routing
    if routing is None:
        return None
    chosen = np.lib.format.open_memmap(order.chosen, "w+", np.bool_, lr_size)
    if not order.effort:
        return None

    def mark(cells: Cells, bigger: NDArray[np.bool_]) -> None:
        chosen[cells.rows[0] : cells.rows[-1], cells.columns[0] : cells.columns[-1]] |= cells.spread(bigger)

    folder, _ = find_bigger(artifact.card, routing, order.bigger, log)
    # No first pass: an effort's threshold is in the card.
    return route(artifact, _opened(folder), Effort(order.effort), lambda _: (), mark)


def open_artifact(order: Order, lr_size: tuple[int, int], log: Callable[[str], None]) -> Artifact:
    """What enlarges a picture of ``lr_size`` by ``order``, loaded once in a process."""
    return _opened(_folder_of(order, lr_size, log))


def _folder_of(order: Order, lr_size: tuple[int, int], log: Callable[[str], None]) -> Path:
    if order.artifact is not None:
        return order.artifact
    return find_artifact(EMBEDDED[order.weights], lr_size, order.size, precision_of(order.precision), log)


@lru_cache(maxsize=4)
def _opened(folder: Path) -> Artifact:
    return Artifact.open(folder)


def measure(sr: Float, lr: Float) -> tuple[Float, Numbers]:
    """How consistent ``sr`` (C, H, W) is with the ``lr`` (C, h, w) it was made of: for each pixel the largest
    difference of its colours (h, w) after ``sr`` is reduced; and the numbers of the whole."""
    lr_size, size = (lr.shape[1], lr.shape[2]), (sr.shape[1], sr.shape[2])
    reduced = np.stack([bicubic(plane.clip(0, 1), lr_size) for plane in sr[:3]]).clip(0, 1)
    difference = reduced - lr[:3]
    added = np.zeros(size, np.float32)
    for low, high in zip(lr[:3], sr[:3], strict=True):
        np.maximum(added, abs(high.clip(0, 1) - bicubic(low, size).clip(0, 1)), out=added)
    if len(lr) == 4:
        difference, added = difference * lr[3], added * sr[3]
    error: Float = abs(difference).max(axis=0)
    numbers = Numbers(
        added_mean=255 * float(added.mean()),
        added_largest=255 * float(added.max()),
        consistency_psnr_db=psnr(difference, np.zeros_like(difference)),
        consistency_largest=255 * float(error.max()),
    )
    return error, numbers


@dataclass(frozen=True)
class Saving:
    """How a download is written, as the command's options have it: ``suffix`` (``.png``), ``--quality``,
    ``--background`` (bytes of sRGB) and ``--strip``."""

    suffix: str
    quality: int | None = None
    background: tuple[int, int, int] | None = None
    strip: bool = False


def save(planes: Float, source: Picture, path: Path, saving: Saving) -> None:
    """Write the enlargement ``planes`` of ``source`` to ``path``, which ends in the suffix of ``saving``.

    Raises BadInput for what the format cannot hold.
    """
    if saving.strip:
        source = replace(source, metadata=source.metadata.stripped())
    bits = bits_of_output(path, source.bits)
    target = enlarged(source, (planes.shape[1], planes.shape[2]), saving.background, bits)
    check_output(path, False, target, saving.quality)
    strips = strips_of_planes(planes, source, target, saving.background)
    write_picture(path, replace(target, strips=strips), saving.quality)
