"""An artifact in the cache is built once, by whichever process comes first."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from filelock import FileLock
from image_files import unprivileged
from platformdirs import user_cache_path

from edge.cache import cached_artifact
from edge.errors import BadInput
from edge.recipe import ArtifactSpec
from models import checkpoint_hash

SPEC = ArtifactSpec(2, "fp32")


@pytest.fixture
def folder(tiny):
    path = user_cache_path("liif-edge") / checkpoint_hash(tiny.model)[:16]
    path.mkdir(parents=True)
    yield path
    shutil.rmtree(path)


def test_what_another_process_builds_meanwhile_is_used(tiny, folder):
    theirs, waiting, notes = tiny.artifact(2, "fp32"), Event(), []

    def note(text: str) -> None:
        notes.append(text)
        waiting.set()

    with ThreadPoolExecutor(1) as pool:
        with FileLock(folder / f".{SPEC.name}.lock"):  # as the other process holds it
            ours = pool.submit(cached_artifact, tiny.checkpoint, SPEC, note)
            assert waiting.wait(60)
            shutil.copytree(theirs, folder / SPEC.name)
        assert ours.result() == folder / SPEC.name
    assert notes == [f"first use: another process is building {SPEC.name}; waiting for it"]
    assert contents(folder / SPEC.name) == contents(theirs)


def test_a_cache_that_cannot_be_written_to_is_an_error(tiny, folder):
    (folder / f".{SPEC.name}.lock").mkdir()
    with pytest.raises(BadInput, match="expected a place to write to"):
        cached_artifact(tiny.checkpoint, SPEC, print)


def test_a_user_without_a_home_has_no_cache(tiny, monkeypatch):
    def unknown(number: int) -> None:
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(BadInput, match="expected HOME or XDG_CACHE_HOME to say where to build"):
        cached_artifact(tiny.checkpoint, SPEC, print)


def test_a_cache_that_may_not_be_written_to_is_an_error(tiny, monkeypatch):
    weights = tiny.checkpoint.read_bytes()
    with unprivileged() as folder:
        checkpoint = folder / "own.safetensors"
        checkpoint.write_bytes(weights)
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "closed" / "below"))
        (folder / "closed").mkdir(0o500)
        with pytest.raises(BadInput, match="expected a place to write to, found Permission denied"):
            cached_artifact(checkpoint, SPEC, print)
        (folder / "closed").chmod(0)  # nor looked into
        with pytest.raises(BadInput, match="expected a place to write to, found Permission denied"):
            cached_artifact(checkpoint, SPEC, print)
        (folder / "closed").chmod(0o700)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
