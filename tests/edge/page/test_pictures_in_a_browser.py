"""Pictures come in, are enlarged and taken home: the page in headless Chromium."""

import os
import re
import signal
import subprocess
import time

from command_line import CLI, ROOT
from image_files import png_claiming
from page_client import PATIENCE, drawn_png
from page_visit import Visit

from edge.cli.main import main
from edge.embedded import embedded_artifact
from edge.recipe import ArtifactSpec
from models import EMBEDDED


def test_the_sample_is_enlarged_at_once(visit):
    visit.find("#welcome [data-pick=sample]").click()
    visit.wait_for("360×240 → 720×480")
    assert re.fullmatch(r"auto chose screen: a PNG, \d+ % of it flat", visit.find("#chosen").text)
    visit.until(
        lambda: visit.find("#caption-after").text.startswith("fast, int8-dynamic · ")
    )  # at another zoom than ×2
    assert not visit.find("#welcome").is_displayed()
    label = visit.find("#canvas").get_attribute("aria-label")
    assert label == "sample.png, enlarged to 720 by 480 pixels"
    assert visit.find("[data-number=consistency_psnr_db]").text.endswith(" dB")
    assert visit.browser.get_log("browser") == []
    visit.find("[data-scale='3']").click()
    visit.wait_for("360×240 → 1080×720")
    assert re.fullmatch(
        r"auto chose fast: a PNG, \d+ % of it flat, but not at ×2", visit.find("#chosen").text
    )


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


def test_the_command_is_of_the_picture_that_is_shown_whatever_others_were_made_by(enlarged):
    enlarged.drop(other_png=drawn_png(30, 40))
    enlarged.press("j")
    enlarged.choose("#weights", "screen")
    command = enlarged.find("#command")
    enlarged.until(lambda: command.get_attribute("textContent").endswith("--weights screen"))
    enlarged.press("k")
    assert command.get_attribute("textContent").endswith("--weights photo")


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
    enlarged.until(lambda: "expected a target of 1 to 30 times" in enlarged.first_state())
    assert not enlarged.find("#download").is_enabled()


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


def test_what_is_no_picture_is_said_beside_its_name_and_on_the_stage(visit):
    visit.drop(notes_txt=b"no picture", drawn_png=drawn_png(30, 40))
    visit.until(lambda: visit.states()[1:] == ["40×30 → 80×60"])
    assert visit.states()[0].startswith("notes.txt: expected a picture")
    assert visit.find("#hint").text == visit.states()[0]
    assert visit.find("#canvas").get_attribute("aria-label") == "notes.txt, not enlarged"
    assert not visit.find("#divider").is_displayed()
    visit.all("#queue .stop")[0].click()
    assert visit.states() == ["40×30 → 80×60"]
    assert visit.find("#divider").is_displayed()
    focused = visit.browser.switch_to.active_element
    assert focused.get_attribute("aria-label") == "Remove drawn.png"


def test_too_many_pixels_are_said_beside_the_name(visit):
    visit.drop(huge_png=png_claiming(100_000, 100_000))
    visit.until(lambda: visit.first_state().startswith("huge.png: expected at most"))


def test_of_several_one_is_cancelled_and_the_others_are_done(visit):
    visit.choose("#weights", "fast")
    visit.drop(large_png=drawn_png(500, 500))
    visit.until(lambda: re.fullmatch(r"\d+ of 25 tiles, \d+ (s|min) left", visit.first_state()))
    visit.choose("#weights", "photo")
    visit.drop(small_png=drawn_png(30, 40))
    visit.find("#queue .stop").click()
    ends = [[large, "40×30 → 80×60"] for large in ("cancelled", "500×500 → 1000×1000")]
    visit.until(lambda: visit.states() in ends)


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
    artifact = embedded_artifact(EMBEDDED["photo"], ArtifactSpec(2, "int8-dynamic"))
    command = [*CLI, "serve", "--no-browser", "--artifact", str(artifact)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        visit = Visit(browser, server.stdout.readline().strip())
        visit.drop(drawn_png=drawn_png(60, 80))
        visit.wait_for("80×60 → 160×120")
        assert (visit.find("#tag-before").text, visit.find("#tag-after").text) == ("fp32", "enlarged")
        assert visit.find("#report").get_attribute("href").endswith("/report")
        visit.until(lambda: visit.find("#caption-after").text.startswith("fp32 · "))
        visit.until(lambda: visit.find("#caption-before").text.startswith("bicubic · "))
        assert not visit.find("#scale").is_enabled()
        assert not visit.find("#gone").is_displayed()
        assert len(list(tmp_path.iterdir())) == 1
        server.send_signal(signal.SIGTERM)
        visit.until(lambda: visit.find("#gone").is_displayed())
        assert not visit.find("#download").is_enabled()
        assert visit.states() == ["80×60 → 160×120"]
        visit.press(*8 * "-")  # to squares that nobody gives any more
        time.sleep(0.5)
        visit.browser.get_log("browser")
        time.sleep(0.5)
        assert visit.browser.get_log("browser") == []  # nor are they asked for again and again
        assert server.wait(PATIENCE) == 128 + signal.SIGTERM
        assert list(tmp_path.iterdir()) == []
    finally:
        server.kill()
        server.wait()
