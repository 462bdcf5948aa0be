"""Pictures, enlarged: what the command, folders of pictures and programs of others call."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from numpy.typing import NDArray
from PIL import Image

from edge.cache import find_artifact, find_bigger
from edge.card import Precision
from edge.embedded import AUTO, routed_weights
from edge.errors import BadArtifact, BadInput, DiskFull
from edge.images.image_file import bits_of_output, check_output, read_image, write_pictures
from edge.images.in_memory import (
    array_of_planes,
    bits_of_image,
    image_of_picture,
    picture_of_image,
    planes_of_array,
)
from edge.images.needs import check_disk, needs_of
from edge.images.picture import Picture
from edge.run.artifact import Artifact
from edge.run.routing import Budget, Effort, Extent, FirstPass, RoutedArtifact, route, routing_of
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
    strips_of_tiles,
)
from edge.run.weights import Choice, at_size, choose_weights
from edge.work import Work
from models import EMBEDDED

AnyImage = TypeVar("AnyImage", Image.Image, NDArray[Any])

# Shows the tiles of a picture on their way, as ``Terminal.track`` does.
Track = Callable[[Work[RenderedSamples]], Iterable[RenderedSamples]]


@dataclass(frozen=True)
class Output:
    """How picture files are written. ``quality``: 1 to 100, of lossy formats; ``background``: bytes of sRGB,
    put behind what is transparent; ``strip``: without EXIF, XMP and texts."""

    quality: int | None = None
    background: tuple[int, int, int] | None = None
    strip: bool = False


@dataclass(frozen=True)
class Rendition:
    """A file to make of a picture, as large as ``target`` says; ``force``: replace what is at ``path``."""

    path: Path
    target: Target
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

        ``precision``: by default int8-dynamic for ``fast``, ``photo`` and ``screen``, int8 for others.

        ``tile`` and ``halo``, in LR pixels, replace the artifact's own. ``ensemble``: the mean over eight
        flips and rotations, in eight times the time.

        ``effort``, 0 to 100: parts of a picture where a bigger network is predicted to gain most are made by
        that one, so many percent of an average photograph; ``budget``, 0 to 1: that share of each picture, at
        most. Either is for an ``artifact`` with a router, or at ×2 for ``fast``, which ``auto`` is then.
        ``bigger``: the artifact of the network that the router knows, where that is not among the embedded
        ones.

        ``log`` is told when a picture needs much memory, and when an artifact must be built first: ×2 and any
        scale come with the package in the precision that is the default, others are built once, into the
        user's cache folder. Raises BadInput for an effort or a budget that is none, for either
        with other weights or in another precision than have a router, and for ``bigger`` without either.
        """
        self._artifact = None if artifact is None else Path(artifact)
        self._precision = precision
        self._tile, self._halo = tile, halo
        self._kind = SelfEnsemble if ensemble else Artifact
        self._extent = _extent(effort, budget)
        routes_embedded = self._extent is not None and artifact is None
        self._weights = routed_weights(weights, precision) if routes_embedded else weights
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
            made = _enlarged(picture, target, None, bits_of_image(picture))
            network = self._network(picture.size, made.size, choice)
            rendered, _ = self._render(network, picture, [made])
            return image_of_picture(filled(made, rendered))
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
        *,
        force: bool = False,
    ) -> Enlarged:
        """The picture in ``source`` enlarged into ``path``, in the format that ``path`` ends in; it appears
        whole or not at all. What the file says beside its pixels is kept (docs/guide/pictures.md). ``force``:
        replace what exists.

        Raises BadImage for what is no picture and BadInput for a size or an output that cannot be, before
        any program is loaded; else as ``upscale``.
        """
        rendition = Rendition(Path(path), target, force)
        made = self.upscale_to_sizes(source, [rendition], output, track)[rendition]
        if isinstance(made, BadInput):
            raise made
        return made

    def upscale_to_sizes(
        self,
        source: str | PathLike[str],
        renditions: Sequence[Rendition],
        output: Output = Output(),
        track: Track = iter,
    ) -> dict[Rendition, Enlarged | BadInput]:
        """What became of each of ``renditions`` of the picture in ``source``: a file as ``upscale_file`` has
        it, or why there is none. That one size cannot be keeps no other from being made.

        Those that one artifact makes are made side by side, and each tile is encoded once for all of them.
        Raises what is no matter of this picture: BadArtifact, DiskFull, CheckpointError, MissingDependency.
        """
        outcomes = _Outcomes(source, renditions)
        for rendition in renditions:
            with outcomes.noted_for([rendition]):
                check_output(rendition.path, rendition.force, quality=output.quality)
        if outcomes.left:
            with outcomes.noted_for(outcomes.left):
                self._make(outcomes, output, track)
        return outcomes.made

    def _make(self, outcomes: "_Outcomes", output: Output, track: Track) -> None:
        """What is left of ``outcomes``. Raises BadInput for what is no picture."""
        picture = read_image(outcomes.source, animated=True)
        if output.strip:
            picture = replace(picture, metadata=picture.metadata.stripped())
        made: dict[Rendition, Picture] = {}
        for rendition in outcomes.left:
            with outcomes.noted_for([rendition]):
                made[rendition] = _checked(picture, rendition, output)
        needs = needs_of(picture, {rendition.path: target for rendition, target in made.items()})
        for rendition in made:
            check_disk(rendition.path, needs)
        if needs.are_large:
            self._log(f"{outcomes.source}: this needs about {needs}")
        choice = self._choose(outcomes.source, picture.strips)
        groups: dict[_Network, list[Rendition]] = {}
        for rendition in made:
            with outcomes.noted_for([rendition]):
                network = self._network(picture.size, made[rendition].size, choice)
                groups.setdefault(network, []).append(rendition)
        for network, group in groups.items():
            with outcomes.noted_for(group):
                by_path = {rendition.path: made[rendition] for rendition in group}
                done = self._write(network, picture, by_path, output, track)
                outcomes.made.update(zip(group, done, strict=True))

    def _write(
        self,
        network: _Network,
        picture: Picture,
        made: Mapping[Path, Picture],
        output: Output,
        track: Track,
    ) -> list[Enlarged]:
        """``picture`` enlarged by ``network`` into files of what is ``made``, by path, which happens strip by
        strip."""
        targets = list(made.values())
        tiles, routed = self._render(network, picture, targets, output.background)
        write_pictures(made, strips_of_tiles(targets, track(tiles)), output.quality)
        share, by = None, network.by
        if routed is not None:
            share = routed.share
            by = f"{by} for {100 * share:.0f} % of its cells"
        return [Enlarged(picture.size, target.size, by, picture.notes, share) for target in targets]

    def _render(
        self,
        network: _Network,
        picture: Picture,
        targets: Sequence[Picture],
        background: tuple[int, int, int] | None = None,
    ) -> tuple[Work[RenderedSamples], RoutedArtifact | None]:
        """``render_picture`` by ``network``, and what counts the cells of two networks, if there are two."""

        def tiles(renderer: Renderer) -> Work[RenderedSamples]:
            return render_picture(
                renderer, picture, targets, background=background, tile=self._tile, halo=self._halo
            )

        routed = self._routed(network, tiles)
        return tiles(routed or network.artifact), routed

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
        return self._with_bigger(_Network(artifact, f"{artifact.card.name}{of}"))

    def _with_bigger(self, network: _Network) -> _Network:
        """``network``, and the one that its router knows, if some of the picture is for that one."""
        if self._extent is None:
            return network
        card = network.artifact.card
        routing = routing_of(card, network.by)
        if self._halo is not None and self._halo < routing.halo:
            raise BadInput(f"expected a halo of at least the router's {routing.halo}, found {self._halo}")
        folder, name = find_bigger(card, routing, self._bigger, self._log)
        return replace(network, by=f"{network.by} and {name}", bigger=self._open(folder))

    def _open(self, folder: Path) -> Artifact:
        with self._opening:
            if folder not in self._opened:
                self._opened[folder] = self._kind.open(folder)
            return self._opened[folder]


class _Outcomes:
    """What has become of ``renditions`` of the picture in ``source``."""

    def __init__(self, source: str | PathLike[str], renditions: Sequence[Rendition]) -> None:
        self.source = source
        self._renditions = renditions
        self.made: dict[Rendition, Enlarged | BadInput] = {}

    @property
    def left(self) -> list[Rendition]:
        """Those of which nothing has become yet."""
        return [rendition for rendition in self._renditions if rendition not in self.made]

    @contextmanager
    def noted_for(self, renditions: Sequence[Rendition]) -> Iterator[None]:
        """A BadInput within it, and a lack of memory, is what has become of ``renditions``; but for what ends
        all other work, too."""
        try:
            yield
        except (BadArtifact, DiskFull):
            raise
        except BadInput as error:
            self.made.update(dict.fromkeys(renditions, error))
        except MemoryError:
            found = f"{self.source}: expected memory for the picture and its enlargement, found too little"
            self.made.update(dict.fromkeys(renditions, BadInput(found)))


def _enlarged(
    picture: Picture, target: Target, background: tuple[int, int, int] | None, bits: int
) -> Picture:
    """What ``picture`` becomes, without pixels. Raises BadInput for a size that cannot be."""
    size = target.of(picture.size)
    check_target(picture.size, size)
    return enlarged(picture, size, background, bits)


def _checked(picture: Picture, rendition: Rendition, output: Output) -> Picture:
    """The same, of a file. Raises BadInput for what its format cannot hold, too."""
    bits = bits_of_output(rendition.path, picture.bits)
    made = _enlarged(picture, rendition.target, output.background, bits)
    check_output(rendition.path, rendition.force, made)
    return made


def _extent(effort: int | None, budget: float | None) -> Extent | None:
    if effort is not None and budget is not None:
        raise BadInput(f"expected an effort or a budget, found both: {effort} and {budget:g}")
    if effort is not None:
        return Effort(effort)
    return None if budget is None else Budget(budget)
