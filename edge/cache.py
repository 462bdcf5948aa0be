"""Artifacts that a command builds on first use, in the user's cache folder."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from edge.errors import OutputExists
from edge.pipeline import build_artifact
from edge.recipe import ArtifactSpec, Recipe
from edge.super_resolution import build_of
from models import checkpoint_hash, load_checkpoint


def cached_artifact(checkpoint: Path, spec: ArtifactSpec, log: Callable[[str], None]) -> Path:
    """Folder of the artifact ``spec`` of ``checkpoint``; ``log`` is told when it must be built first."""
    model = load_checkpoint(checkpoint)
    folder = user_cache_path("liif-edge") / checkpoint_hash(model)[:16] / spec.name
    if not folder.exists():
        log(f"first use: building {spec.name} into {folder.parent}; this takes a minute")
        with suppress(OutputExists):  # another command has built the same meanwhile
            build_artifact(build_of(model, Recipe((spec,), checkpoint), spec), folder)
    return folder
