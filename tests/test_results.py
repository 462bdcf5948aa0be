"""Tables of the documentation: what the records of measurements render to."""

import shutil
from itertools import chain
from pathlib import Path

import measure
import page_tables
import pytest
from measure import Measurer, NotMeasured, read_records
from page_tables import ROOT, Table, signed, table_in, write_tables
from score_tables import worst_cases
from tables import TABLES
from ways import BENCHED, EVALUATED, SHOWN_AT_WORST, WAYS

# What no command of ``measure`` makes: the networks that a search tries are its own choice.
BY_HAND = {"tune narrower"}


@pytest.fixture(scope="module")
def records():
    return read_records()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_table_in_the_page_is_what_the_records_render_to(table, records):
    page = (ROOT / table.page).read_text(encoding="utf-8")
    assert table_in(page, table) == table.render(records)


def test_no_page_has_a_table_that_is_not_rendered():
    marked = {
        (str(page.relative_to(ROOT)), line)
        for page in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/**/*.md"))
        for line in page.read_text(encoding="utf-8").splitlines(keepends=True)
        if line.startswith("<!-- table")
    }
    assert marked == {(table.page, table.markers[0]) for table in TABLES}


def test_what_was_edited_by_hand_is_rendered_again_and_nothing_else(tmp_path, monkeypatch, records):
    table = next(table for table in TABLES if table.name == "speed")
    page = tmp_path / table.page
    page.parent.mkdir(parents=True)
    shutil.copy(ROOT / table.page, page)
    monkeypatch.setattr(page_tables, "ROOT", tmp_path)
    before = page.read_text(encoding="utf-8")
    edited = before.replace("| `eager-fixed` | 23,925 |", "| `eager-fixed` | 23,926 |")
    assert edited != before
    page.write_text(edited + "A line.\n", encoding="utf-8")
    write_tables([table], records)
    assert page.read_text(encoding="utf-8") == before + "A line.\n"


def test_a_page_without_the_markers_of_its_table_is_an_error():
    table = Table("gone", "README.md", lambda records: "")
    for page in ("no table", "<!-- table: gone -->\n| no end |"):
        with pytest.raises(LookupError, match=r"README.md: expected the markers of the table gone"):
            table_in(page, table)


def test_every_record_says_when_and_by_which_command_it_was_measured(records, tmp_path):
    made = Measurer(tmp_path, tmp_path).makers()
    assert records.keys() - BY_HAND <= made.keys()
    for name, record in records.items():
        assert record["command"].startswith("liif-edge ")
        assert record["measured"].startswith("20")
        assert name in BY_HAND or "eval" not in name or record["command"] == made[name][0]


def test_ways_have_names_of_their_own_and_are_named_right_elsewhere():
    names = [way.name for way in WAYS]
    assert len(set(names)) == len(names)
    assert {*EVALUATED, *chain(*BENCHED.values())} <= set(names)


def test_a_refused_way_says_why():
    table = worst_cases({"build fast-x2-int8": {"refused": "liif-x2-int8-xnnpack differs from fp32"}})
    assert "| `fast-x2-int8` | refused: liif-x2-int8-xnnpack differs from fp32 |" in table


def test_what_is_not_measured_is_named():
    refused = {f"build {way.name}": {"refused": "why"} for way in SHOWN_AT_WORST}
    assert "Not measured" not in worst_cases(refused)
    del refused["build fast-x2-int8"]
    assert worst_cases(refused).endswith("\nNot measured: `fast-x2-int8`.\n")


@pytest.mark.parametrize(
    ("value", "plus", "text"),
    [(0.0304, "", "0.030"), (-0.0018, "", "−0.002"), (-0.0004, "+", "0.000"), (0.002, "+", "+0.002")],
)
def test_numbers_have_a_minus_as_wide_as_a_plus_and_zero_has_none(value, plus, text):
    assert signed(value, plus=plus) == text


def test_an_artifact_that_is_there_is_measured_and_not_built_again(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "liif_edge", lambda arguments: pytest.fail(f"ran {arguments}"))
    way = next(way for way in WAYS if way.name == "half-x2-int8")
    measurer = Measurer(tmp_path, tmp_path)
    with pytest.raises(NotMeasured, match="expected one artifact, found 0; liif-edge prune"):
        measurer.build(way)
    shutil.copytree(tiny.artifact(2, "int8"), tmp_path / way.name / "liif-x2-int8-xnnpack")
    found = measurer.build(way)
    assert found["bytes"] == (tiny.artifact(2, "int8") / "model.pte").stat().st_size
    assert found["psnr_db"] > 20


def test_an_artifact_that_is_not_there_is_built_by_the_commands_of_its_way(tiny, tmp_path, monkeypatch):
    ran = []

    def stand_in(arguments):
        ran.append(arguments[0])
        out = Path(arguments[arguments.index("--out") + 1])
        if arguments[0] == "sensitivity":
            out.write_text("{}")
        else:
            shutil.copytree(tiny.artifact(2, "int8"), out / "liif-x2-int8-xnnpack")
        return 0, "", ""

    monkeypatch.setattr(measure, "liif_edge", stand_in)
    way = next(way for way in WAYS if way.name == "baseline-x2-int8-plan")
    measurer = Measurer(tmp_path, tmp_path / "artifacts")
    assert measurer.build(way) == measurer.build(way)
    assert ran == ["sensitivity", "build"]


def test_a_build_that_refuses_what_it_made_is_a_record_that_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "liif_edge", lambda arguments: (1, "", "liif-edge: differs from fp32"))
    assert Measurer(tmp_path, tmp_path).build(WAYS[0]) == {"refused": "differs from fp32"}


def test_a_part_of_a_test_set_is_every_tenth_pair(tmp_path):
    whole = tmp_path / "BSD100"
    whole.mkdir()
    for number in range(21):
        for kind in ("HR", "LR"):
            (whole / f"{number:03}_SRF_2_{kind}.png").touch()
    with Measurer(tmp_path, tmp_path).pictures("BSD100-tenth") as folder:
        assert sorted(path.name for path in folder.iterdir()) == [
            f"{number:03}_SRF_2_{kind}.png" for number in (0, 10, 20) for kind in ("HR", "LR")
        ]
