"""Artifacts that a command needs: those of the package, or built on first use in the user's cache folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from edge.backends.table import DEFAULT_TARGET
from edge.card import Card, Precision, RoutingCard, Scale
from edge.embedded import embedded_artifact, embedded_name, embedded_precision
from edge.errors import BadInput
from edge.recipe import ArtifactSpec, Recipe
from models import EMBEDDED, SCALES
from models.embedded import check_checkpoint_file


def find_bigger(
    card: Card, routing: RoutingCard, given: Path | None, log: Callable[[str], None]
) -> tuple[Path, str]:
    """Folder of the artifact that the router of ``card`` knows, and its name: the one ``given``, or that of
    the embedded weights for the same target: in the int8 that they come in there if the smaller one is in
    either, else as precise as that. Raises BadInput without either."""
    if given is not None:
        return given, given.name
    name = embedded_name(routing.bigger)
    if name is None:
        raise BadInput(
            f"expected the bigger artifact for the router of {card.name}, of the checkpoint "
            f"{routing.bigger[:12]}…, which is not an embedded one, found none; see --bigger"
        )
    precision = card.precision
    if card.target == DEFAULT_TARGET and precision in ("int8", "int8-dynamic"):
        precision = embedded_precision(EMBEDDED[name])
    return cached_artifact(EMBEDDED[name], ArtifactSpec(card.scale, precision, card.target), log), name


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


def cached_artifact(checkpoint: Path, spec: ArtifactSpec, log: Callable[[str], None]) -> Path:
    """Folder of the artifact ``spec`` of ``checkpoint``; ``log`` is told when it must be built first.

    Of several processes that need the same one, the first builds it and the others wait.
    One that comes with the package is neither looked for in the cache nor built, and PyTorch is not imported.
    Raises BadInput where the cache cannot be written to, or the user has no place for one.
    """
    if (embedded := embedded_artifact(checkpoint, spec)) is not None:
        return embedded
    from edge.pipeline import build_artifact
    from edge.super_resolution import build_of
    from models import checkpoint_hash, load_checkpoint

    model = load_checkpoint(checkpoint)
    folder = _cache_folder() / checkpoint_hash(model)[:16] / spec.name
    if os.path.isdir(folder):
        return folder
    try:
        with _alone(folder, log):
            if not os.path.isdir(folder):
                log(f"first use: building {spec.name} into {folder.parent}; this takes a minute")
                build_artifact(build_of(model, Recipe((spec,), checkpoint), spec), folder)
    except OSError as error:  # write-protected from the start, or full in the middle
        raise BadInput(f"{folder.parent}: expected a place to write to, found {error.strerror}") from error
    return folder


def _cache_folder() -> Path:
    try:
        return user_cache_path("liif-edge")
    except RuntimeError as error:  # the system does not know the user either
        raise BadInput("expected HOME or XDG_CACHE_HOME to say where to build, found neither") from error


@contextmanager
def _alone(folder: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Within it no other process is within it for the same ``folder``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.parent / f".{folder.name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log(f"first use: another process is building {folder.name}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
