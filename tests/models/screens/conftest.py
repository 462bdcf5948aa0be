"""A folder of fonts that needs none on the system: the one that Pillow carries."""

from pathlib import Path

import pytest
from PIL import ImageFont


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "below").mkdir()
    (folder / "below" / "aileron.ttf").write_bytes(ImageFont.load_default(10.0).path.getvalue())
    return folder
