"""Which files become which: the pictures of files and folders, and the names of their enlargements."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from edge.errors import BadInput
from edge.images.encoding import FORMATS
from edge.images.image_file import is_animation
from edge.jobs.job import Job
from edge.run.target import Target
from models.picture_files import SUFFIXES

# Files of folders that are taken for pictures.
PICTURES = (*SUFFIXES, ".avif")

# Those, too, though no decoder comes with us: each fails with a line of its own and is not passed over.
UNREAD = (".heic", ".heif", ".jxl")

# What a format that is read and not written becomes.
LOSSLESS = ".png"

# Names of outputs: those of the inputs, or with the scale where there are several of one input.
SAME_NAME, NAME_WITH_SCALE = "{stem}{suffix}", "{stem}-{scale}x{suffix}"
_FIELDS = {"stem": "photo", "scale": "2", "suffix": ".png"}


@dataclass(frozen=True)
class Naming:
    """How an output is called: by a ``pattern`` of {stem}, {scale} and {suffix}; ``suffix`` replaces the
    input's. Raises BadInput for a pattern with other fields, or of a path."""

    pattern: str = SAME_NAME
    suffix: str | None = None

    def __post_init__(self) -> None:
        known = " ".join(f"{{{name}}}" for name in _FIELDS)
        try:
            fields = {name for _, name, _, _ in Formatter().parse(self.pattern) if name is not None}
            example = self.pattern.format(**_FIELDS) if fields <= _FIELDS.keys() else ""
        except ValueError as error:
            raise BadInput(f"expected a name of {known}, found {self.pattern!r}: {error}") from error
        if Path(example).name != example or Path(example).suffix.lower() not in FORMATS:
            kinds = ", ".join(FORMATS)
            raise BadInput(f"expected a file's name of {known}, ending in {kinds}, found {self.pattern!r}")

    def name(self, source: Path, target: Target) -> str:
        """Of what ``source`` becomes at ``target``."""
        own = FORMATS.get(source.suffix.lower())
        kept = own is not None and (own.still or is_animation(source))
        own_suffix = source.suffix if kept else LOSSLESS
        return self.pattern.format(stem=source.stem, scale=target.label, suffix=self.suffix or own_suffix)


@dataclass(frozen=True)
class Plan:
    """``jobs``, by name; ``unreadable``: folders that could not be looked into, a line each; ``again``: links
    to folders that are in the plan by another name."""

    jobs: tuple[Job, ...]
    unreadable: tuple[str, ...] = ()
    again: tuple[Path, ...] = ()


def plan_jobs(inputs: Sequence[Path], folder: Path, targets: Sequence[Target], naming: Naming) -> Plan:
    """The pictures of ``inputs``, files and folders, each to become one of every target in ``folder``, which
    need not be there. Of a folder the tree below is kept; hidden files are left out.

    Raises BadInput for an input that is not there, without pictures, or that is ``folder`` itself, and where
    two outputs would be one file or an output an input.
    """
    jobs: list[Job] = []
    walk = _Walk(folder)
    for given in inputs:
        if os.path.isdir(given):
            found = [(given / below, folder / below.parent) for below in walk.pictures(given)]
            if not found:
                nothing = f"{given}: expected a folder with pictures ({', '.join(PICTURES)}), found none"
                raise BadInput(walk.unreadable[0] if walk.unreadable else nothing)
        elif os.path.isfile(given):
            found = [(given, folder)]
        else:
            raise BadInput(f"{given}: expected a picture or a folder, found nothing there")
        for source, parent in found:
            jobs += [Job(source, parent / naming.name(source, target), target) for target in targets]
    _check_apart(jobs)
    return Plan(tuple(jobs), tuple(walk.unreadable), tuple(walk.again))


def _check_apart(jobs: Sequence[Job]) -> None:
    sources = {os.path.realpath(job.source): job.source for job in jobs}
    taken: dict[str, Job] = {}
    for job in jobs:
        place = os.path.realpath(job.output)
        if place in sources:
            raise BadInput(f"{job.output}: expected a place of its own, found the input {sources[place]}")
        if (other := taken.setdefault(place, job)) is not job:
            both = " and ".join(sorted({str(other.source), str(job.source)}))
            raise BadInput(f"{job.output}: expected one picture for it, found {both}; see --name")


class _Walk:
    """Pictures below folders, never below ``outputs``. Links are followed out of a tree, and no folder is
    walked twice, so that circles end."""

    def __init__(self, outputs: Path) -> None:
        self.unreadable: list[str] = []
        self.again: list[Path] = []
        self._outputs = _identity(outputs) if os.path.isdir(outputs) else None
        self._seen: set[tuple[int, int]] = set()

    def pictures(self, top: Path) -> Iterator[Path]:
        """Their paths below ``top``, by name."""
        identity = _identity(top)
        if identity == self._outputs:
            raise BadInput(f"{top}: expected another folder for the results, found the one of the inputs")
        self._seen.add(identity)
        for here, folders, files in os.walk(top, followlinks=True, onerror=self._note):
            visible = (Path(here, name) for name in sorted(folders) if not name.startswith("."))
            # What is there by its own name is not looked at by a link's.
            ordered = sorted(visible, key=Path.is_symlink)
            folders[:] = [folder.name for folder in ordered if self._enter(folder, top)]
            below = Path(here).relative_to(top)
            yield from (below / name for name in sorted(files) if _is_picture(name))

    def _enter(self, folder: Path, top: Path) -> bool:
        try:
            identity = _identity(folder)
        except OSError as error:
            self._note(error)
            return False
        if identity == self._outputs:
            return False
        inside = folder.is_symlink() and folder.resolve().is_relative_to(top.resolve())
        if inside or identity in self._seen:
            self.again.append(folder)
            return False
        self._seen.add(identity)
        return True

    def _note(self, error: OSError) -> None:
        self.unreadable.append(f"{error.filename}: expected a folder to look into, found {error.strerror}")


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in (*PICTURES, *UNREAD)


def _identity(folder: Path) -> tuple[int, int]:
    stat = os.stat(folder)
    return stat.st_dev, stat.st_ino
