"""A network's packages, converted once for all tests of the interpreter."""

import pytest
from mil_packages import Converted, PalettesOf, liif

from models import FixedScaleLIIF


@pytest.fixture(scope="session")
def fixed(palettes_of: PalettesOf, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    module = FixedScaleLIIF(liif(hidden_widths=(32, 80)), 2)
    return Converted(module, tmp_path_factory.mktemp("fixed"), palettes_of)
