"""A report says the verdict, shows the worst tiles, and works in a browser without a network."""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from chromium import headless_chromium

from edge.card import Card
from edge.card_reader import read_card
from edge.check.baseline import BaselineTile, Bundle, Provenance
from edge.check.built_in import RouteCheck
from edge.check.layers import LayerCheck, LayerError
from edge.check.probes import ProbeCheck, compare_probes
from edge.check.report import NO_NUMBER, heat_map, junit_xml, render_html
from edge.output_file import write_report
from edge.precisions import LayerThreshold

RAN_ON = {"device": "a <b>phone</b>"}
NAMES = ("first", "second & third", "<script>alert(1)</script>", "fourth", "fifth", "sixth")
PROVENANCE = Provenance(2, "0" * 64, 2.0, "CPU", "none", "2.13.0", False, True, NAMES)


def probe_check(
    *broken: int, noise: float = 1e-6, off: tuple[int, tuple[int, int]] | None = None, flat: bool = False
) -> ProbeCheck:
    """Six tiles with errors that grow with their number; those of ``broken`` have a NaN.

    ``off``: a tile, and the row and column of 16x16 pixels of it that are off by 0.1; ``flat``: whether
    every input has one colour.
    """
    rng = np.random.default_rng(0)
    tiles = [
        BaselineTile(name, lr * np.float32(not flat), rng.random((4, 16, 16), np.float32), sr)
        for name in NAMES
        for lr in [rng.random((3, 16, 16), np.float32)]
        for sr in [np.float32(0.8) * rng.random((3, 32, 32), np.float32)]
    ]

    def run(number: int) -> np.ndarray:
        found = tiles[number].sr + np.float32(noise * (number + 1)) * rng.random((3, 32, 32), np.float32)
        if number in broken:
            found[0, 4, 5] = np.nan
        if off is not None and number == off[0]:
            row, column = off[1]
            found[:, row : row + 16, column : column + 16] += np.float32(0.1)
        return found

    outputs = ((probe, run(number)) for probe in ("tile", "picture") for number in range(len(tiles)))
    return compare_probes(outputs, Bundle(PROVENANCE, tuple(tiles)), "fp32")


def layer_check(*weight_errors: float) -> LayerCheck:
    """A layer for each of ``weight_errors``, of which 0.01 are allowed."""
    limit = LayerThreshold(added_db=40, weight_error=0.01)
    return LayerCheck(
        tuple(
            LayerError(f"layer.{number}", number, 1, 60, 60, error, None, 0, 0, None, limit)
            for number, error in enumerate(weight_errors)
        )
    )


@pytest.fixture(scope="module")
def card(tiny) -> Card:
    return read_card(tiny.artifact(2, "fp32"))


def headings(page: str) -> list[str]:
    return re.findall(r"<h3>(.*): .* dB</h3>", page)


def test_a_page_says_that_the_check_passed_and_shows_the_worst_tiles_first(card):
    page = render_html(probe_check(), card, PROVENANCE, RAN_ON)
    assert "Passed: every probe is within its threshold" in page and "FAILED" not in page
    assert headings(page) == ["sixth", "fifth", "fourth", "&lt;script&gt;alert(1)&lt;/script&gt;"]
    assert card.programs["model.pte"].sha256 in page and card.checkpoint.sha256 in page


def test_a_page_names_the_first_failing_probe_and_shows_broken_tiles_before_all_others(card):
    page = render_html(probe_check(1), card, PROVENANCE, RAN_ON)
    assert "FAILED at probe tile: a blended tile, halo in full; " in page
    assert "of the values are NaN or infinite" in page
    assert headings(page)[0] == "second &amp; third"
    blocks, tiles = page.split("<h2>Worst tiles")
    assert blocks.count("cyan: no number") == tiles.count("cyan: no number") == 1


def test_a_page_lists_the_worst_cases_and_shows_the_worst_blocks_in_their_frames(card):
    check = probe_check(off=(4, (8, 16)))
    page = render_html(check, card, PROVENANCE, RAN_ON)
    table = page[page.index('id="worst"') : page.index("<h2>Probes")]
    cells = [re.findall("<td.*?>(.*?)</td>", row) for row in table.split("<tr>")[2:]]
    assert cells[0][:3] == ["picture", "fifth", ""] and cells[0][4] == "≥ 100"
    assert cells[1] == ["block of 16x16", "fifth", "row 8, column 16", "25.50 of 255", "≤ 0.05", "FAILED"]
    (heading,) = re.findall("<h3>(.* of 255)</h3>", page)
    assert heading == "block of 16x16 in fifth, row 8, column 16: 25.50 of 255"
    # Of the crop from row 0 and column 8, 32 rows and 24 columns.
    assert "left: 33.33%; top: 25.00%; width: 66.67%; height: 50.00%" in page


def test_a_block_that_is_the_worst_flat_area_as_well_is_shown_once(card):
    page = render_html(probe_check(off=(2, (0, 0)), flat=True), card, PROVENANCE, RAN_ON)
    assert len(re.findall("<h3>.* of 255</h3>", page)) == 1
    assert page.count("flat area</td>") == 1


def test_what_others_named_is_escaped_and_nothing_is_loaded_from_elsewhere(card):
    page = render_html(probe_check(), card, PROVENANCE, RAN_ON)
    assert "<script>alert" not in page and "a &lt;b&gt;phone&lt;/b&gt;" in page
    assert set(re.findall(r'(?:src|href)="([a-z]+:)', page)) == {"data:"}
    assert "http" not in page


def test_a_page_says_what_failed_beside_the_probes(card):
    page = render_html(probe_check(), card, PROVENANCE, RAN_ON, layer_check(0.0, 0.5))
    assert "FAILED at layer layer.1" in page and "<li>layer layer.1: its weights differ" in page
    page = render_html(probe_check(), card, PROVENANCE, RAN_ON, layer_check(0.0), RouteCheck(0.7))
    assert "FAILED at route" in page and "<li>route: expected predictions within 0.5" in page
    page = render_html(probe_check(), card, PROVENANCE, RAN_ON, layer_check(0.0), RouteCheck(0.02))
    assert "Passed" in page and "are within 0.0200 of" in page and "FAILED" not in page


def test_a_heat_map_runs_from_black_to_yellow_and_marks_what_is_no_number():
    colours = heat_map(np.array([[0, 0.5, 1, np.nan, np.inf]], np.float32), 1.0)[0]
    assert colours[0].tolist() == [0, 0, 0]
    assert colours[2].tolist() == [255, 245, 130]
    assert colours[3].tolist() == colours[4].tolist() == list(NO_NUMBER)


def test_junit_has_a_case_for_each_tile_at_each_probe_and_the_words_of_each_failure(card):
    suite = ElementTree.fromstring(junit_xml(probe_check(1), card))
    cases = suite.findall("testcase")
    assert (suite.get("tests"), suite.get("failures")) == ("12", "2")
    assert [case.get("name") for case in cases] == [*NAMES, *NAMES]
    failed = [case for case in cases if case.find("failure") is not None]
    assert [(case.get("classname"), case.get("name")) for case in failed] == [
        ("tile", NAMES[1]),
        ("picture", NAMES[1]),
    ]
    assert "expected a PSNR of 100 dB, found nan" in failed[0].find("failure").text
    passed = ElementTree.fromstring(junit_xml(probe_check(), card))
    assert passed.get("failures") == "0"


def test_junit_has_a_case_for_each_layer_and_for_the_router(card):
    suite = ElementTree.fromstring(junit_xml(probe_check(), card, layer_check(0.0, 0.5), RouteCheck(0.7)))
    assert (suite.get("tests"), suite.get("failures")) == ("15", "2")
    said = {(case.get("classname"), case.get("name")): case.find("failure") for case in suite}
    assert said[("layers", "layer.0")] is None
    assert "its weights differ" in said[("layers", "layer.1")].text
    assert "found 0.70" in said[("route", "predictions")].text


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Any]:
    with headless_chromium(tmp_path_factory.mktemp("browser"), 1100, 1600) as browser:
        yield browser


@pytest.mark.parametrize("broken", [(), (1,)], ids=["passing", "failing"])
def test_in_a_browser_the_slider_moves_and_the_magnifier_follows(card, browser, tmp_path, broken):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    path = tmp_path / "report.html"
    write_report(path, render_html(probe_check(*broken), card, PROVENANCE, RAN_ON))
    browser.get(path.as_uri())
    verdict = browser.find_element(By.CSS_SELECTOR, ".verdict").text
    assert verdict.startswith("FAILED at probe tile" if broken else "Passed")

    device = browser.find_element(By.CSS_SELECTOR, ".device")
    slider = browser.find_element(By.CSS_SELECTOR, "input[type=range]")
    assert device.value_of_css_property("clip-path") == "inset(0px 0px 0px 50%)"
    slider.send_keys(Keys.END)
    assert device.value_of_css_property("clip-path") == "inset(0px 0px 0px 100%)"
    slider.send_keys(Keys.HOME)
    assert device.value_of_css_property("clip-path") in ("inset(0px)", "inset(0px 0px 0px 0%)")

    magnifier = browser.find_element(By.ID, "magnifier")
    assert not magnifier.is_displayed()
    box = browser.find_element(By.CSS_SELECTOR, ".compare")
    ActionChains(browser).move_to_element(box).perform()
    assert magnifier.is_displayed()
    panes = magnifier.find_elements(By.TAG_NAME, "div")
    sources = [
        browser.find_element(By.CSS_SELECTOR, f".{side}").get_attribute("src")
        for side in ("baseline", "device")
    ]
    assert [pane.value_of_css_property("background-image") for pane in panes] == [
        f'url("{source}")' for source in sources
    ]
    assert browser.get_screenshot_as_file(str(tmp_path / "report.png"))
    assert browser.get_log("browser") == []
