"""The command line, run in this process; a picture; artifacts where first use would have put them."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    Outcome,
    Run,
)
from PIL import Image
from platformdirs import user_cache_path

from edge.cli.main import main
from models import checkpoint_hash
from models.drawings import draw_sheet


@pytest.fixture
def run(capfd, monkeypatch) -> Run:
    def run(*arguments: object) -> Outcome:
        # As in a process of its own, Python's streams write to the descriptors.
        for number, name in ((1, "stdout"), (2, "stderr")):
            monkeypatch.setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:  # argparse's own
            code = error.code
        sys.stdout.flush()
        sys.stderr.flush()
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="module")
def cached(tiny) -> Iterator[Path]:
    """The tiny checkpoint, with its artifacts where first use would have built them."""
    folder = user_cache_path("liif-edge") / checkpoint_hash(tiny.model)[:16]
    for spec in ((2, "int8"), (2, "fp32"), ("any", "int8"), ("any", "fp32")):
        artifact = tiny.artifact(*spec)
        shutil.copytree(artifact, folder / artifact.name)
    yield tiny.checkpoint
    shutil.rmtree(folder)


@pytest.fixture
def picture(tmp_path) -> Path:
    """A drawn picture, wider than one tile, in a folder of its own."""
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(draw_sheet(40, 50, 2)).save(folder / "picture.png")
    return folder / "picture.png"
