"""An artifact in the cache is built once, by whichever command comes first."""

import shutil
from pathlib import Path

from platformdirs import user_cache_path

from edge.cache import cached_artifact
from edge.recipe import ArtifactSpec
from models import checkpoint_hash


def test_what_another_command_builds_meanwhile_is_used(tiny):
    theirs = tiny.artifact(2, "fp32")
    folder = user_cache_path("liif-edge") / checkpoint_hash(tiny.model)[:16] / theirs.name

    def first_use(_: str) -> None:
        """The other command is done just after ours has found nothing."""
        shutil.copytree(theirs, folder)

    try:
        assert cached_artifact(tiny.checkpoint, ArtifactSpec(2, "fp32"), first_use) == folder
        assert contents(folder) == contents(theirs)
    finally:
        shutil.rmtree(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
