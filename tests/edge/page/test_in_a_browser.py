"""The page in headless Chromium: what a person does with it."""

import base64
import io
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from command_line import CLI, ROOT
from page_client import PATIENCE, drawn_png, running_page
from PIL import Image

from edge.cli.main import main
from edge.embedded import embedded_artifact
from edge.page.networks import Networks
from edge.recipe import ArtifactSpec
from models import EMBEDDED

DOWNLOADS = "downloads"

# What a drop by the mouse, or a paste, is to the page: files in a DataTransfer.
GIVE = """
const [kind, names, contents] = arguments, transfer = new DataTransfer();
names.forEach((name, index) => {
  const bytes = Uint8Array.from(atob(contents[index]), letter => letter.charCodeAt(0));
  transfer.items.add(new File([bytes], name));
});
const options = { bubbles: true, cancelable: true };
document.getElementById("stage").dispatchEvent(
  kind === "drop" ? new DragEvent(kind, { dataTransfer: transfer, ...options })
  : new ClipboardEvent(kind, { clipboardData: transfer, ...options }));
"""

# The colour of the stage's canvas at a share of its width and height.
COLOUR = """
const canvas = document.getElementById("canvas"), [x, y] = arguments;
return [...canvas.getContext("2d").getImageData(canvas.width * x, canvas.height * y, 1, 1).data];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("NOT TESTED: the page in a browser; apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    folder = tmp_path_factory.mktemp("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    quiet = "disable-gpu disable-quic no-first-run disable-background-networking disable-component-update"
    for switch in ("headless", "no-sandbox", *quiet.split(), "disable-sync", "window-size=1300,900"):
        options.add_argument(f"--{switch}")
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / DOWNLOADS)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    opened.set_page_load_timeout(PATIENCE)
    opened.set_script_timeout(PATIENCE)
    opened.downloads = folder / DOWNLOADS
    yield opened
    opened.quit()


class Visit:
    """The page, as a person sees it."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        browser.get(address)
        self.until(lambda: self.find("body").get_attribute("data-ready") == "yes")

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def until(self, happened) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := happened()):
            assert time.monotonic() < deadline, (self.states(), self.browser.get_log("browser"))
            time.sleep(0.05)
        return found

    def drop(self, **files: bytes) -> None:
        self._give("drop", files)

    def paste(self, **files: bytes) -> None:
        self._give("paste", files)

    def _give(self, kind: str, files: dict[str, bytes]) -> None:
        names = [name.replace("_", ".") for name in files]
        self.browser.execute_script(GIVE, kind, names, [base64.b64encode(f).decode() for f in files.values()])

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Fingers on the stage, ``points`` from its middle."""
        box = self.find("#canvas").rect
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        touches = [{"x": middle[0] + x, "y": middle[1] + y, "id": n} for n, (x, y) in enumerate(points)]
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def states(self) -> list[str]:
        return [state.text for state in self.all("#queue .state")]

    def wait_for(self, *states: str) -> None:
        self.until(lambda: self.states() == list(states))

    def choose(self, select: str, value: str) -> None:
        from selenium.webdriver.support.ui import Select

        Select(self.find(select)).select_by_value(value)

    def type(self, field: str, text: str) -> None:
        from selenium.webdriver.common.keys import Keys

        self.find(field).send_keys(Keys.CONTROL + "a")
        self.find(field).send_keys(text, Keys.ENTER)

    def press(self, *keys: str) -> None:
        """Keys, with the stage in focus."""
        self.find("#canvas").send_keys(*keys)

    def image(self, canvas: str) -> bytes:
        """What is drawn on ``canvas``, as PNG."""
        script = "return document.querySelector(arguments[0]).toDataURL('image/png')"
        return base64.b64decode(self.browser.execute_script(script, canvas).partition(",")[2])

    def colour(self, x: float, y: float) -> tuple[int, ...]:
        return tuple(self.browser.execute_script(COLOUR, x, y))

    def zoom(self) -> int:
        return int(self.find("#zoom").text.removesuffix(" %"))


@pytest.fixture
def visit(browser, page) -> Visit:
    return Visit(browser, page.address)


@pytest.fixture
def enlarged(visit) -> Visit:
    """With a picture that is done."""
    visit.choose("#weights", "photo")
    visit.drop(drawn_png=drawn_png(60, 80))
    visit.wait_for("80×60 → 160×120")
    return visit


def test_the_sample_is_enlarged_at_once(visit):
    visit.find("#welcome [data-pick=sample]").click()
    visit.wait_for("360×240 → 720×480")
    assert re.fullmatch(r"auto chose screen: a PNG, \d+ % of it flat", visit.find("#chosen").text)
    assert not visit.find("#welcome").is_displayed()
    label = visit.find("#canvas").get_attribute("aria-label")
    assert label == "sample.png, enlarged to 720 by 480 pixels"
    assert visit.find("[data-number=consistency_psnr_db]").text.endswith(" dB")
    assert visit.browser.get_log("browser") == []


def test_a_download_is_the_commands_file(enlarged, tmp_path):
    (tmp_path / "drawn.png").write_bytes(drawn_png(60, 80))
    for suffix in (".png", ".webp"):
        enlarged.choose("#format", suffix)
        enlarged.find("#download").click()
        ours = enlarged.browser.downloads / f"drawn-160x120{suffix}"
        enlarged.until(lambda path=ours: path.exists() and not list(path.parent.glob("*.crdownload")))
        out = tmp_path / f"out{suffix}"
        assert main(["upscale", str(tmp_path / "drawn.png"), str(out), "--weights", "photo"]) == 0
        assert ours.read_bytes() == out.read_bytes()
    shown = enlarged.find("#command").get_attribute("textContent")
    assert shown == "liif-edge upscale drawn.png drawn-160x120.webp --size 160x120 --weights photo"


def test_the_size_is_chosen_by_slider_target_and_number(enlarged):
    enlarged.find("[data-scale='1.5']").click()  # by the any-scale artifact, which needs no build
    enlarged.wait_for("80×60 → 120×90")
    slider = enlarged.find("#scale")
    slider.send_keys("\ue012")  # left, one step
    enlarged.wait_for("80×60 → 116×87")
    assert enlarged.find("#scale-value").text == "×1.45"
    enlarged.type("#width", "100")
    enlarged.wait_for("80×60 → 100×75")
    assert enlarged.find("#height").get_attribute("value") == "75"


def test_too_large_a_size_is_said(enlarged):
    enlarged.type("#width", "9999")
    enlarged.until(lambda: "expected a target of 1 to 30 times" in enlarged.states()[0])
    assert not enlarged.find("#download").is_enabled()


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


def test_a_pasted_picture_is_enlarged(visit):
    visit.paste(image_png=drawn_png(30, 40))
    visit.wait_for("40×30 → 80×60")


def test_the_pictures_of_a_folder_are_enlarged_and_its_other_files_left_out(visit, tmp_path):
    (tmp_path / "in").mkdir()
    for name, content in (
        ("b.png", drawn_png(30, 40)),
        ("notes.txt", b"no picture"),
        ("in/a.png", drawn_png(20, 24)),
    ):
        (tmp_path / name).write_bytes(content)
    visit.find("#folder").send_keys(str(tmp_path))
    visit.wait_for("40×30 → 80×60", "24×20 → 48×40")


def test_the_magnifier_renders_what_is_under_the_pointer(enlarged):
    from selenium.webdriver.common.action_chains import ActionChains

    canvas = enlarged.find("#canvas")
    enlarged.until(lambda: "photo, int8 · " in enlarged.find("#caption-after").text)
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
    assert enlarged.find("#legend-text").text == "darker by 32, the same, lighter by 32 of 255"
    enlarged.press("b")
    assert enlarged.find("[value=blink]").is_selected()
    assert enlarged.find("#tag-before").is_displayed() != enlarged.find("#tag-after").is_displayed()


def test_what_is_no_picture_is_said_beside_its_name(visit):
    visit.drop(notes_txt=b"no picture", drawn_png=drawn_png(30, 40))
    visit.until(lambda: visit.states()[1:] == ["40×30 → 80×60"])
    assert visit.states()[0].startswith("notes.txt: expected a picture")
    visit.all("#queue .stop")[0].click()
    assert visit.states() == ["40×30 → 80×60"]


def test_of_several_one_is_cancelled_and_the_others_are_done(visit):
    visit.choose("#weights", "fast")
    visit.drop(large_png=drawn_png(500, 500))
    visit.until(lambda: "of 25 tiles" in visit.states()[0])
    visit.choose("#weights", "photo")
    visit.drop(small_png=drawn_png(30, 40))
    visit.find("#queue .stop").click()
    visit.until(
        lambda: (
            visit.states()[1] == "40×30 → 80×60" and visit.states()[0] in ("cancelled", "500×500 → 1000×1000")
        )
    )


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


def test_nothing_moves_while_a_picture_is_enlarged(visit):
    places = """return ['#stage', '#magnifier', '#size-title', '#network-title', '#download'].map(
        selector => document.querySelector(selector).getBoundingClientRect().top)"""
    before = visit.browser.execute_script(places)
    visit.find("#welcome [data-pick=sample]").click()
    visit.until(lambda: "tiles" in "".join(visit.states()) or visit.states() == ["360×240 → 720×480"])
    during = visit.browser.execute_script(places)
    visit.wait_for("360×240 → 720×480")
    assert before == during == visit.browser.execute_script(places)


def test_an_artifact_is_beside_fp32_and_a_killed_server_is_said_and_leaves_nothing(browser, tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    artifact = embedded_artifact(EMBEDDED["photo"], ArtifactSpec(2, "int8"))
    command = [*CLI, "serve", "--no-browser", "--artifact", str(artifact)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        visit = Visit(browser, server.stdout.readline().strip())
        visit.drop(drawn_png=drawn_png(60, 80))
        visit.wait_for("80×60 → 160×120")
        assert (visit.find("#tag-before").text, visit.find("#tag-after").text) == ("fp32", "enlarged")
        assert visit.find("#report").get_attribute("href").endswith("/report")
        visit.until(
            lambda: visit.find("#caption-after").text.startswith("fp32, as the artifact has one scale · ")
        )
        assert not visit.find("#scale").is_enabled()
        assert not visit.find("#gone").is_displayed()
        assert len(list(tmp_path.iterdir())) == 1
        server.send_signal(signal.SIGTERM)
        visit.until(lambda: visit.find("#gone").is_displayed())
        assert not visit.find("#download").is_enabled()
        assert visit.states() == ["80×60 → 160×120"]
        assert server.wait(PATIENCE) == 128 + signal.SIGTERM
        assert list(tmp_path.iterdir()) == []
    finally:
        server.kill()
        server.wait()


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


def test_effort_is_hidden_where_there_is_no_router(enlarged):
    assert not enlarged.find("#effort").is_displayed()
    assert not enlarged.find("#share").is_displayed()
    assert not enlarged.find("#map option[value=routing]").is_enabled()
    for _ in range(4):
        enlarged.press("m")
    assert enlarged.find("#map").get_attribute("value") == ""
