"""Pictures to train on, drawn: tests need no photographs."""

from pathlib import Path

import pytest
from PIL import Image

from models.drawings import draw_sheet


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six drawn pictures of 96x128 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(6):
        Image.fromarray(draw_sheet(96, 128, seed)).save(folder / f"{seed}.png")
    return folder
