"""Enlargements are looked at, and judged: the page in headless Chromium."""

import io

import numpy as np
import pytest
from page_client import drawn_png, running_page
from page_visit import Visit
from PIL import Image

from edge.embedded import shipped_artifact
from edge.page.networks import Networks


def test_the_divider_parts_before_from_after_by_mouse_and_by_key(enlarged):
    from selenium.webdriver.common.action_chains import ActionChains

    enlarged.choose("#map", "consistency")  # dark, where the picture is not
    divider, canvas = enlarged.find("#divider"), enlarged.find("#canvas")
    right = enlarged.until(lambda: max(enlarged.colour(0.6, 0.5)[:3]) < 90)
    left = enlarged.colour(0.4, 0.5)
    assert right and left != enlarged.colour(0.6, 0.5)
    ActionChains(enlarged.browser).drag_and_drop_by_offset(divider, canvas.size["width"] // 4, 0).perform()
    assert 70 <= int(divider.get_attribute("aria-valuenow")) <= 80
    enlarged.until(lambda: max(enlarged.colour(0.6, 0.5)[:3]) > 90)
    divider.send_keys("\ue011")  # home: nothing of before
    assert divider.get_attribute("aria-valuenow") == "0"
    enlarged.until(lambda: max(enlarged.colour(0.4, 0.5)[:3]) < 90)


def test_the_view_is_zoomed_by_wheel_key_and_button(enlarged):
    from selenium.webdriver.common.action_chains import ActionChains, ScrollOrigin

    fitted = enlarged.zoom()
    origin = ScrollOrigin.from_element(enlarged.find("#canvas"))
    ActionChains(enlarged.browser).scroll_from_origin(origin, 0, -400).perform()
    enlarged.until(lambda: enlarged.zoom() > 1.5 * fitted)
    enlarged.find("#fit").click()
    enlarged.until(lambda: enlarged.zoom() == fitted)
    enlarged.press("+")
    enlarged.until(lambda: abs(enlarged.zoom() - 1.25 * fitted) < 2)
    enlarged.find("#one").click()
    enlarged.until(lambda: enlarged.zoom() == 100)
    before = enlarged.image("#canvas")
    enlarged.press("\ue014")  # right
    enlarged.until(lambda: enlarged.image("#canvas") != before)
    enlarged.press("0")
    enlarged.until(lambda: enlarged.zoom() == fitted)


def test_two_fingers_zoom(enlarged):
    fitted = enlarged.zoom()
    enlarged.touch("touchStart", (-40, 0), (40, 0))
    for apart in (60, 80, 100, 120):
        enlarged.touch("touchMove", (-apart, 0), (apart, 0))
    enlarged.touch("touchEnd")
    enlarged.until(lambda: abs(enlarged.zoom() - 3 * fitted) < 0.2 * fitted)


def test_the_magnifier_renders_what_is_under_the_pointer(enlarged):
    from selenium.webdriver.common.action_chains import ActionChains

    canvas = enlarged.find("#canvas")
    enlarged.until(lambda: "photo, int8-dynamic · " in enlarged.find("#caption-after").text)
    middle = enlarged.image("#magnified-after")
    assert (
        len(np.unique(np.asarray(Image.open(io.BytesIO(middle))))) > 50
    )  # of a picture, not of an empty pane
    ActionChains(enlarged.browser).move_to_element_with_offset(canvas, -150, -60).perform()
    enlarged.until(lambda: enlarged.image("#magnified-after") != middle)
    assert enlarged.find("#caption-before").text.startswith("bicubic · ")
    ActionChains(enlarged.browser).click().move_by_offset(250, 80).perform()
    assert enlarged.find("#held").text == "The place is held. Another click lets it go."


def test_keys_change_modes_maps_and_pictures(enlarged):
    enlarged.drop(other_png=drawn_png(30, 40))
    enlarged.wait_for("80×60 → 160×120", "40×30 → 80×60")
    enlarged.press("j")
    assert enlarged.find("#queue li[aria-current=true] .name").text == "other.png"
    enlarged.press("k")
    assert enlarged.find("#queue li[aria-current=true] .name").text == "drawn.png"
    enlarged.press("m")
    assert enlarged.find("#map").get_attribute("value") == "added"
    assert enlarged.find("#legend-text").text == "−32 to +32 of 255"
    enlarged.press("b")
    assert enlarged.find("[value=blink]").is_selected()
    assert enlarged.find("#tag-before").is_displayed() != enlarged.find("#tag-after").is_displayed()


def test_numbers_against_fp32_are_of_the_picture_that_is_shown(enlarged):
    default = enlarged.find("#compared").text
    enlarged.find("#against-fp32").click()
    enlarged.until(lambda: enlarged.find("[data-number=psnr_db]").text.endswith(" dB"))
    assert enlarged.find("#compared").text == "Of 160×120 pixels from column 0, row 0."
    enlarged.drop(other_png=drawn_png(30, 40))
    for key, found, said in (("j", False, default), ("k", True, "Of 160×120 pixels from column 0, row 0.")):
        enlarged.press(key)
        assert (enlarged.find("[data-number=psnr_db]").text != "–") == found
        assert enlarged.find("#compared").text == said


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1300])
def test_it_fits_every_width_and_text_can_be_read(enlarged, width, theme):
    browser = enlarged.browser
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        ink, paper = (
            browser.execute_script(f"return getComputedStyle(document.body).{which}")
            for which in ("color", "backgroundColor")
        )
        assert contrast(ink, paper) > 7
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def contrast(a: str, b: str) -> float:
    """Of two CSS colours (WCAG 2.2, contrast ratio)."""

    def luminance(colour: str) -> float:
        values = [int(v) / 255 for v in colour.partition("(")[2].rstrip(")").split(",")[:3]]
        light = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_everything_that_is_operated_has_a_name(enlarged):
    browser = enlarged.browser
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    operated = {
        "button",
        "slider",
        "combobox",
        "checkbox",
        "radio",
        "spinbutton",
        "link",
        "img",
        "progressbar",
    }
    unnamed = [
        node["role"]["value"]
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"].lower() in operated
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


def test_effort_is_chosen_for_an_artifact_with_a_router_and_its_cells_are_shown(
    browser, routed_pair, tmp_path
):
    networks = Networks(routed_pair.smaller, routed_pair.checkpoint, routed_pair.bigger)
    with running_page(networks, tmp_path) as page:
        visit = Visit(browser, page.address)
        visit.drop(drawn_png=drawn_png(60, 80))
        visit.until(lambda: visit.find("[data-number=share_percent]").text == "0 %")
        visit.find("#effort").send_keys("\ue010")  # end
        visit.until(lambda: visit.find("[data-number=share_percent]").text == "100 %")
        assert visit.find("#effort-value").text == "100"
        red = visit.colour(0.6, 0.5)[0]
        visit.choose("#map", "routing")
        visit.until(lambda: visit.colour(0.6, 0.5)[0] > red + 60)  # orange lies over green
        command = visit.find("#command").get_attribute("textContent")
        assert command.endswith("--artifact DIR --effort 100 --bigger DIR")


def test_effort_is_chosen_for_embedded_weights_and_their_cells_are_shown(enlarged):
    command = enlarged.find("#command")
    enlarged.choose("#weights", "auto")
    enlarged.find("#effort").send_keys("\ue010")  # end
    enlarged.until(lambda: enlarged.find("[data-number=share_percent]").text == "100 %")
    assert command.get_attribute("textContent").endswith("--size 160x120 --effort 100")
    assert enlarged.find("#chosen").text == "auto chose fast: an effort needs its router"
    enlarged.until(lambda: enlarged.find("#caption-after").text.startswith("fast, int8-dynamic · "))
    red = enlarged.colour(0.6, 0.5)[0]
    enlarged.choose("#map", "routing")
    enlarged.until(lambda: enlarged.colour(0.6, 0.5)[0] > red + 60)
    enlarged.find("[data-scale='1.5']").click()  # the effort stays for when it can be had again
    enlarged.wait_for("80×60 → 120×90")
    assert command.get_attribute("textContent").endswith("--size 120x90")
    assert not enlarged.find("#effort").is_enabled()
    enlarged.type("#width", "160")
    enlarged.until(lambda: command.get_attribute("textContent").endswith("--size 160x120 --effort 100"))


def test_effort_is_disabled_where_embedded_weights_have_no_router(visit):
    effort, why = visit.find("#effort"), visit.find("#effort-help")
    for selector, other, own in (("#weights", "photo", "fast"), ("#precision", "fp32", "int8")):
        visit.choose(selector, other)
        assert not effort.is_enabled()
        assert why.text == "Effort is for the weights auto or fast, in int8 and at ×2."
        visit.choose(selector, own)
        assert effort.is_enabled()
        assert why.text.startswith("Percent of an average photograph")
    visit.find("[data-scale='3']").click()
    assert not effort.is_enabled()
    visit.find("[data-scale='2']").click()
    assert effort.is_enabled()


def test_an_enlargement_without_a_router_has_no_cells(enlarged):
    assert enlarged.find("[data-number=share_percent]").text == "–"
    assert not enlarged.find("#map option[value=routing]").is_enabled()
    for _ in range(4):
        enlarged.press("m")
    assert enlarged.find("#map").get_attribute("value") == ""


def test_effort_is_hidden_for_an_artifact_without_a_router(browser, tmp_path):
    with running_page(Networks(shipped_artifact("photo", 2)), tmp_path, at_once=1) as page:
        visit = Visit(browser, page.address)
        assert not visit.find("#effort").is_displayed()
        assert not visit.find("#effort-help").is_displayed()
        assert not visit.find("#share").is_displayed()
        assert not visit.find("#map option[value=routing]").is_enabled()
