"""Pictures, enlarged: what the command, folders of pictures and programs of others call."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from numpy.typing import NDArray
from PIL import Image

from edge.cache import cached_artifact
from edge.card import Card, Precision, RoutingCard, Scale
from edge.embedded import AUTO, embedded_artifact, embedded_name, embedded_precision
from edge.errors import BadInput
from edge.images.image_file import bits_of_output, check_output, read_image, write_picture
from edge.images.in_memory import (
    array_of_planes,
    bits_of_image,
    image_of_picture,
    picture_of_image,
    planes_of_array,
)
from edge.images.needs import check_disk, needs_of
from edge.images.picture import Picture
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from edge.run.routing import Budget, Effort, Extent, FirstPass, RoutedArtifact, route
from edge.run.self_ensemble import SelfEnsemble
from edge.run.target import ByFactor, Target, ToSize
from edge.run.upscale import (
    RenderedSamples,
    RenderedTile,
    Renderer,
    check_target,
    enlarged,
    filled,
    put_together,
    render_picture,
    render_tiles,
)
from edge.run.weights import Choice, at_size, choose_weights
from edge.work import Work
from models import EMBEDDED, SCALES
from models.embedded import check_checkpoint_file

AnyImage = TypeVar("AnyImage", Image.Image, NDArray[Any])

# Shows the tiles of a picture on their way, as ``Terminal.track`` does.
Track = Callable[[Work[RenderedSamples]], Iterable[RenderedSamples]]


@dataclass(frozen=True)
class Output:
    """How a picture file is written. ``quality``: 1 to 100, of lossy formats; ``background``: bytes of sRGB,
    put behind what is transparent; ``strip``: without EXIF, XMP and texts; ``force``: replace what exists."""

    quality: int | None = None
    background: tuple[int, int, int] | None = None
    strip: bool = False
    force: bool = False


@dataclass(frozen=True)
class Enlarged:
    """What became of a picture file: its (height, width) before and after; ``by``: the artifact and the
    weights, in words; ``notes``: what of the file was damaged, a line each. ``share``: of the cells that the
    bigger network made, None where there was one network only."""

    lr_size: tuple[int, int]
    size: tuple[int, int]
    by: str
    notes: tuple[str, ...]
    share: float | None = None

    def __str__(self) -> str:
        (height, width), (lr_height, lr_width) = self.size, self.lr_size
        return f"{width}x{height} from {lr_width}x{lr_height}, by {self.by}"


@dataclass(frozen=True)
class _Network:
    """An open artifact; with its router in use the ``bigger`` one, too; and ``by`` which, in words."""

    artifact: Artifact
    by: str
    bigger: Artifact | None = None


class Upscaler:
    """Enlarges pictures, without a network: ``Upscaler.default().upscale(image, scale=2)``.

    Programs are loaded when they are first needed, and kept. Any number of threads may use one Upscaler:
    their pictures share its programs, tile by tile.
    """

    def __init__(
        self,
        weights: str | PathLike[str] = AUTO,
        *,
        artifact: str | PathLike[str] | None = None,
        precision: Precision | None = None,
        tile: int | None = None,
        halo: int | None = None,
        ensemble: bool = False,
        effort: int | None = None,
        budget: float | None = None,
        bigger: str | PathLike[str] | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``weights``: ``auto`` (by how each picture was saved), a name of embedded weights, or a checkpoint
        file. ``artifact``: the folder of one to use instead, for the sizes that it makes.

        ``precision``: int8 by default, int8-dynamic for ``screen``.

        ``tile`` and ``halo``, in LR pixels, replace the artifact's own. ``ensemble``: the mean over eight
        flips and rotations, in eight times the time.

        ``effort``, 0 to 100: parts of a picture where a bigger network is predicted to gain most are made by
        that one, so many percent of an average photograph; ``budget``, 0 to 1: that share of each picture, at
        most. Either is for an ``artifact`` with a router. ``bigger``: the artifact of the network that the
        router knows, where that is not among the embedded ones.

        ``log`` is told when a picture needs much memory, and when an artifact must be built first: ×2 and any
        scale come with the package in the precision that is the default, others are built once, into the
        user's cache folder. Raises BadInput for an effort or a budget that is none, and for a ``bigger``
        artifact without either.
        """
        self._weights = weights
        self._artifact = None if artifact is None else Path(artifact)
        self._precision = precision
        self._tile, self._halo = tile, halo
        self._kind = SelfEnsemble if ensemble else Artifact
        self._extent = _extent(effort, budget)
        if self._extent is not None and artifact is None:
            raise BadInput(
                f"expected an artifact with a router for an effort or a budget, found {weights} alone"
            )
        if bigger is not None and self._extent is None:
            raise BadInput(f"expected an effort or a budget with a bigger artifact, found {bigger} alone")
        self._bigger = None if bigger is None else Path(bigger)
        self._log = log
        self._opened: dict[Path, Artifact] = {}
        self._opening = Lock()

    @classmethod
    def default(cls) -> "Upscaler":
        """With what comes with the package: nothing is built at ×2 or at any other scale."""
        return cls()

    def upscale(
        self, image: AnyImage, scale: float | None = None, *, size: tuple[int, int] | None = None
    ) -> AnyImage:
        """``image`` enlarged by ``scale``, 1 to 30 (2), or to ``size``, (width, height) in pixels.

        A Pillow image becomes one in the same colours, upright, in mode ``L``, ``LA``, ``I;16``, ``RGB`` or
        ``RGBA``, with its profile and a resolution in ``info``, and without EXIF. An array (H, W), (H, W, 3)
        or (H, W, 4) of sRGB in uint8, uint16 or float32 in [0, 1] becomes one of the same dtype and channels.
        Raises BadImage for an image that is none of these, BadInput for a size that is smaller or over 30
        times as large, BadArtifact and CheckpointError for what the Upscaler was given.
        """
        if scale is not None and size is not None:
            raise BadInput(f"expected a scale or a size, found both: {scale:g} and {size}")
        target = ToSize(*size) if size is not None else ByFactor(2.0 if scale is None else scale)
        if isinstance(image, Image.Image):
            picture = picture_of_image(image)
            choice = self._choose(image, picture.strips)
            made, _, _ = self._enlarge(picture, target, choice, Output(), bits_of_image(picture), iter)
            return image_of_picture(made)
        planes = planes_of_array(image)
        lr_size = (planes.shape[1], planes.shape[2])
        whole = target.of(lr_size)
        check_target(lr_size, whole)
        choice = self._choose(None, (image.reshape(*lr_size, -1),))
        network = self._network(lr_size, whole, choice)

        def tiles(renderer: Renderer) -> Work[RenderedTile]:
            return render_tiles(renderer, planes, whole, tile=self._tile, halo=self._halo, keeps_flat=True)

        renderer = self._routed(network, tiles) or network.artifact
        return array_of_planes(put_together(tiles(renderer), whole), image)

    def upscale_file(
        self,
        source: str | PathLike[str],
        path: str | PathLike[str],
        target: Target = ByFactor(),  # noqa: B008
        output: Output = Output(),
        track: Track = iter,
    ) -> Enlarged:
        """The picture in ``source`` enlarged into ``path``, in the format that ``path`` ends in; it appears
        whole or not at all. What the file says beside its pixels is kept (docs/guide/pictures.md).

        Raises BadImage for what is no picture and BadInput for a size or an output that cannot be, before
        any program is loaded; else as ``upscale``.
        """
        path = Path(path)
        check_output(path, output.force, quality=output.quality)
        picture = read_image(source, animated=True)
        if output.strip:
            picture = replace(picture, metadata=picture.metadata.stripped())
        choice = self._choose(source, picture.strips)
        bits = bits_of_output(path, picture.bits)

        def check(made: Picture) -> None:
            check_output(path, output.force, made)
            needs = needs_of(picture, made, path)
            check_disk(path, needs)
            if needs.are_large:
                self._log(f"{source}: this needs about {needs}")

        made, by, routed = self._enlarge(picture, target, choice, output, bits, track, check)
        write_picture(path, made, output.quality)
        share = None if routed is None else routed.share
        if share is not None:
            by = f"{by} for {100 * share:.0f} % of its cells"
        return Enlarged(picture.size, made.size, by, picture.notes, share)

    def _enlarge(
        self,
        picture: Picture,
        target: Target,
        choice: Choice | None,
        output: Output,
        bits: int,
        track: Track,
        check: Callable[[Picture], None] = lambda _: None,
    ) -> tuple[Picture, str, RoutedArtifact | None]:
        """``picture`` enlarged, which happens as its strips are asked for; by which program; and what counts
        the cells of two networks, if there are two. ``check`` may refuse what the picture becomes before a
        program is loaded."""
        size = target.of(picture.size)
        check_target(picture.size, size)
        made = enlarged(picture, size, output.background, bits)
        check(made)
        network = self._network(picture.size, size, choice)

        def tiles(renderer: Renderer) -> Work[RenderedSamples]:
            background = output.background
            return render_picture(
                renderer, picture, made, background=background, tile=self._tile, halo=self._halo
            )

        routed = self._routed(network, tiles)
        return filled(made, track(tiles(routed or network.artifact))), network.by, routed

    def _choose(
        self, image: Image.Image | str | PathLike[str] | None, strips: Iterable[NDArray[Any]]
    ) -> Choice | None:
        """Embedded weights for a picture, where none were asked for."""
        return choose_weights(image, strips) if self._weights == AUTO and self._artifact is None else None

    def _routed(self, network: _Network, first_pass: FirstPass) -> RoutedArtifact | None:
        """What makes one picture by two networks, None by one. ``first_pass`` goes through the picture."""
        if self._extent is None or network.bigger is None:
            return None
        return route(network.artifact, network.bigger, self._extent, first_pass)

    def _network(self, lr_size: tuple[int, int], size: tuple[int, int], choice: Choice | None) -> _Network:
        """What makes ``size`` of ``lr_size``, open."""
        if self._artifact is not None:
            artifact = self._open(self._artifact)
            return self._with_bigger(_Network(artifact, artifact.card.name))
        if choice is not None:
            choice = at_size(choice, lr_size, size)
            weights, of = choice.weights, f" of {choice.weights} ({choice.reason})"
        else:
            weights = str(self._weights)
            of = f" of {weights}" if weights in EMBEDDED else ""
        checkpoint = EMBEDDED.get(weights, Path(self._weights))
        artifact = self._open(find_artifact(checkpoint, lr_size, size, self._precision, self._log))
        return _Network(artifact, f"{artifact.card.name}{of}")

    def _with_bigger(self, network: _Network) -> _Network:
        """``network``, and the one that its router knows, if some of the picture is for that one."""
        if self._extent is None:
            return network
        card = network.artifact.card
        if card.routing is None:
            raise BadInput(f"expected an artifact with a router, found {network.by}, which has none")
        if self._halo is not None and self._halo < card.routing.halo:
            raise BadInput(
                f"expected a halo of at least the router's {card.routing.halo}, found {self._halo}"
            )
        folder, name = find_bigger(card, card.routing, self._bigger, self._log)
        return replace(network, by=f"{network.by} and {name}", bigger=self._open(folder))

    def _open(self, folder: Path) -> Artifact:
        with self._opening:
            if folder not in self._opened:
                self._opened[folder] = self._kind.open(folder)
            return self._opened[folder]


def _extent(effort: int | None, budget: float | None) -> Extent | None:
    if effort is not None and budget is not None:
        raise BadInput(f"expected an effort or a budget, found both: {effort} and {budget:g}")
    if effort is not None:
        return Effort(effort)
    return None if budget is None else Budget(budget)


def find_bigger(
    card: Card, routing: RoutingCard, given: Path | None, log: Callable[[str], None]
) -> tuple[Path, str]:
    """Folder of the artifact that the router of ``card`` knows, and its name: the one ``given``, or that of
    the embedded weights, as precise as the smaller one. Raises BadInput without either."""
    if given is not None:
        return given, given.name
    name = embedded_name(routing.bigger)
    if name is None:
        raise BadInput(
            f"expected the bigger artifact for the router of {card.name}, of the checkpoint "
            f"{routing.bigger[:12]}…, which is not an embedded one, found none; see --bigger"
        )
    return find_artifact(EMBEDDED[name], (1, 1), (2, 2), card.precision, log), name


def find_artifact(
    checkpoint: Path,
    lr_size: tuple[int, int],
    size: tuple[int, int],
    precision: Precision | None,
    log: Callable[[str], None],
) -> Path:
    """Folder of an artifact of ``checkpoint`` that makes ``size`` of ``lr_size``: of ``specs_for`` the first
    that comes with the package; where none does, the first, built if it must be. ``log`` is told so.
    ``precision``: None for ``embedded_precision``."""
    specs = specs_for(lr_size, size, precision or embedded_precision(checkpoint))
    for spec in specs:
        if (folder := embedded_artifact(checkpoint, spec)) is not None:
            return folder
    check_checkpoint_file(checkpoint)
    return cached_artifact(checkpoint, specs[0], log)


def specs_for(lr_size: tuple[int, int], size: tuple[int, int], precision: Precision) -> list[ArtifactSpec]:
    """Artifacts that make ``size`` of ``lr_size``, the fixed-scale one first where one fits."""
    fits = [scale for scale in SCALES if size == (scale * lr_size[0], scale * lr_size[1])]
    scales: list[Scale] = [*fits, "any"]  # type: ignore[list-item]
    return [ArtifactSpec(scale, precision) for scale in scales]
