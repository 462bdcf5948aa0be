"""The table of worst cases: what its measurements render to."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "results" / "worst_cases.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("worst_cases", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_table_is_what_the_measurements_render_to(script):
    rows = script.read_rows()
    assert rows
    assert script.TABLE.read_text(encoding="utf-8") == script.render(rows)


def test_every_measured_row_is_a_way_of_the_table(script):
    names = [way.name for way in script.WAYS]
    assert len(set(names)) == len(names)
    assert script.read_rows().keys() <= set(names)


def test_a_refused_way_says_why(script):
    table = script.render({"fast-x2-int8": {"refused": "liif-x2-int8-xnnpack differs from fp32"}})
    assert "| `fast-x2-int8` | refused: liif-x2-int8-xnnpack differs from fp32 |" in table


def test_what_is_not_measured_is_named(script):
    refused = {way.name: {"refused": "why"} for way in script.WAYS}
    assert "Not measured" not in script.render(refused)
    del refused["fast-x2-int8"]
    assert script.render(refused).endswith("\nNot measured: `fast-x2-int8`.\n")
