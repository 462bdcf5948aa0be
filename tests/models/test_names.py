"""The names that ``models`` gives: all are there, and those that need PyTorch wait until asked for."""

import subprocess
import sys

import pytest
from command_line import ROOT

import models

ORDER = """
import sys
from models import DEFAULT_WEIGHTS, EMBEDDED, SCALES, CheckpointError
assert "torch" not in sys.modules
from models import LIIF
assert "torch" in sys.modules
"""


@pytest.mark.parametrize("name", models.__all__)
def test_every_name_is_there(name):
    assert getattr(models, name, None) is not None


def test_a_name_that_is_not_there_is_an_error():
    with pytest.raises(AttributeError, match="has no attribute 'gone'"):
        _ = models.gone


def test_constants_come_without_pytorch():
    subprocess.run((sys.executable, "-c", ORDER), cwd=ROOT, check=True)
