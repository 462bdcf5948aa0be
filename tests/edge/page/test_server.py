"""From a dropped file to a download, by a plain client."""

import io
import json
import multiprocessing
import re
import socket
import time
from multiprocessing.connection import wait
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from image_files import png_claiming
from page_client import PATIENCE, Client, drawn_png, running_page
from PIL import Image

from edge.cli.main import main
from edge.page.layers import BIGGER
from edge.page.networks import Networks
from edge.page.requests import MAX_BYTES
from edge.page.server import FILES

MANY_TILES = (400, 400)  # LR pixels: 16 of the default tiles


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def wait_until(happened) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)
    return happened()


def test_the_pages_own_files_are_few_and_load_nothing_from_elsewhere(client):
    files = {
        path.name: client.ask("GET", "" if path.name == "index.html" else path.name)
        for path in FILES.iterdir()
    }
    assert {answer.status for answer in files.values()} == {200}
    assert sum(len(answer.body) for answer in files.values()) < 200_000
    named = {
        address
        for answer in files.values()
        for address in re.findall(r"https?://[^\s\"'`]+", answer.body.decode())
    }
    assert named == {"http://www.w3.org/2000/svg"}  # a name, not an address


def test_a_dropped_picture_is_read_and_weights_are_chosen(session, drawn):
    answer = session.ask("POST", "pictures", drawn, name="../../a/drawn.png")
    told = answer.json
    assert (answer.status, told["width"], told["height"], told["weights"]) == (201, 80, 60, "screen")
    assert re.fullmatch(r"a PNG, \d+ % of it flat", told["reason"])


def test_a_name_from_outside_names_no_file(session, drawn, folder):
    session.drop(drawn, "../../../tmp/evil.png")
    own = folder / session.welcome["session"]
    assert [path.name for path in own.iterdir()] == ["1"]


def test_a_job_tells_how_far_it_is_and_ends_with_numbers(session):
    job = session.enlarge(session.drop(drawn_png(150, 130)), weights="photo")
    told = []
    for event in session.events():
        told.append(event)
        if event["state"] == "done":
            break
    assert [event["done"] for event in told if event["state"] == "running"] == [0, 1, 2, 3, 4]
    assert (told[-1]["job"], told[-1]["total"], told[-1]["rows"]) == (job, 4, 300)
    assert told[1]["seconds_left"] > 0
    numbers = told[-1]["numbers"]
    assert 30 < numbers["consistency_psnr_db"] < 60
    assert 0 < numbers["added_mean"] < numbers["added_largest"] < 255


SAVINGS = {
    ".png": {},
    ".jpg": {"quality": 80},
    ".webp": {},
    ".tif": {"strip": "yes"},
    ".avif": {"quality": 70},
}


@pytest.mark.parametrize("suffix", SAVINGS)
def test_a_download_has_the_commands_bytes(session, tmp_path, suffix):
    source = Path("tests/data/pictures/orient6.jpg")
    picture = session.drop(source.read_bytes(), source.name)
    job = session.enlarge(picture, scale=1.7)
    assert session.ended(job)["state"] == "done"
    saving = SAVINGS[suffix]
    answer = session.ask("GET", f"jobs/{job}/file", format=suffix, **saving)
    quality = ("--quality", str(saving["quality"])) if "quality" in saving else ()
    strip = ("--strip",) if "strip" in saving else ()
    out = tmp_path / f"out{suffix}"
    assert main(["upscale", str(source), str(out), "--scale", "1.7", *quality, *strip]) == 0
    assert answer.status == 200
    assert answer.body == out.read_bytes()
    width, height = Image.open(out).size
    assert f'filename="orient6-{width}x{height}{suffix}"' in answer.headers["content-disposition"]


def test_transparency_goes_where_a_format_holds_it_or_gets_a_background(session, tmp_path):
    source = Path("tests/data/pictures/white_icon.png")
    job = session.enlarge(session.drop(source.read_bytes(), source.name))
    assert session.ended(job)["state"] == "done"
    refused = session.ask("GET", f"jobs/{job}/file", format=".jpg")
    assert refused.status == 422
    assert refused.json["error"].startswith("white_icon.png: expected an opaque picture for JPEG")
    for suffix, options in ((".png", {}), (".jpg", {"background": "#336699"})):
        out = tmp_path / f"out{suffix}"
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        assert main(["upscale", str(source), str(out), *words]) == 0
        assert session.ask("GET", f"jobs/{job}/file", format=suffix, **options).body == out.read_bytes()


@pytest.mark.parametrize("text", ["mauvish", "#ffffff80", "rgb(300,0,0)"])
def test_a_background_that_is_no_opaque_colour_is_refused_as_on_the_command_line(session, drawn, capfd, text):
    job = session.enlarge(session.drop(drawn), weights="photo")
    answer = session.ask("GET", f"jobs/{job}/file", format=".jpg", background=text)
    words = f"expected a colour like white or #ffffff, found {text!r}"
    assert (answer.status, answer.json["error"]) == (422, words)
    with pytest.raises(SystemExit):
        main(["upscale", "in.png", "out.jpg", "--background", text])
    assert capfd.readouterr().err.endswith(f"error: argument --background: {words}\n")


def test_a_download_leaves_no_file(session, drawn, folder):
    job = session.enlarge(session.drop(drawn), weights="photo")
    session.ended(job)
    own = folder / session.welcome["session"]
    before = {path.name for path in own.iterdir()}
    assert session.ask("GET", f"jobs/{job}/file", format=".png").status == 200
    assert wait_until(lambda: {path.name for path in own.iterdir()} == before)


BAD_FILES = {
    "text": (b"no picture", 422, "notes.png: expected a picture"),
    "nothing": (b"", 422, "notes.png: expected a picture"),
    "cut off": (drawn_png(40, 40)[:-200], 422, "notes.png: expected a whole picture"),
    "too many pixels": (png_claiming(100_000, 100_000), 422, "notes.png: expected at most"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_what_is_no_picture_is_refused_and_removed(session, folder, kind):
    content, status, words = BAD_FILES[kind]
    answer = session.ask("POST", "pictures", content, name="notes.png")
    assert (answer.status, answer.json["error"][: len(words)]) == (status, words)
    assert list((folder / session.welcome["session"]).iterdir()) == []


def test_the_magnifier_says_by_what_it_rendered(session, drawn):
    picture = session.drop(drawn)
    for by, scale, weights, said in (
        ("bicubic", 3, "auto", "bicubic"),
        ("network", 2, "auto", "screen, int8-dynamic"),
        ("network", 3, "auto", "fast, int8-dynamic"),
        ("network", 3, "photo", "photo, int8-dynamic"),
        ("fp32", 3, "photo", "photo, fp32"),
    ):
        size = {"width": 80 * scale, "height": 60 * scale}
        region = {"top": 0, "left": 0, "rows": 9, "columns": 9}
        answer = session.ask("GET", f"pictures/{picture}/magnified", by=by, weights=weights, **size, **region)
        assert unquote(answer.headers["rendered-by"]) == said


def test_too_large_a_file_is_refused_before_it_is_read(client, session):
    path = f"{session.welcome['session']}/pictures?name=x.png"
    answer = client.ask("POST", path, b"", Content_Length=str(MAX_BYTES + 1))
    assert (answer.status, answer.json["error"][:30]) == (413, "expected a file of at most 600")


def test_a_page_that_goes_away_while_it_sends_a_file_leaves_none(page, session, folder):
    parts, own = urlsplit(page.address), folder / session.welcome["session"]
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        head = f"POST {parts.path}{own.name}/pictures?name=x.png HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\nhalf".encode())
        assert wait_until(lambda: list(own.iterdir()) != [])
    assert wait_until(lambda: list(own.iterdir()) == [])


BAD_ORDERS = {
    "scale": ({"scale": 31}, "expected a scale from 1 to 30, found 31"),
    "no number": ({"scale": float("nan")}, "expected a scale from 1 to 30, found nan"),
    "smaller": ({"width": 10, "height": 10}, "expected a target of 1 to 30 times"),
    "weights": ({"scale": 2, "weights": "../x"}, "expected weights of auto, baseline"),
    "precision": ({"scale": 2, "precision": "int4"}, "expected a precision of int8, fp32"),
    "nothing": ({}, "expected picture, precision and scale"),
    "no such picture": ({"scale": 2, "picture": 99}, "expected a picture of this page"),
}


@pytest.mark.parametrize("kind", BAD_ORDERS)
def test_what_cannot_be_enlarged_so_is_refused(session, drawn, kind):
    order, words = BAD_ORDERS[kind]
    wanted = {"picture": session.drop(drawn), "precision": "int8", **order}
    answer = session.ask("POST", "jobs", json.dumps(wanted).encode())
    assert answer.status in (404, 422)
    assert answer.json["error"].startswith(words)


def test_two_are_enlarged_at_once_and_the_third_waits(session):
    picture = session.drop(drawn_png(*MANY_TILES))
    jobs = [session.enlarge(picture, weights="photo") for _ in range(3)]
    states = dict.fromkeys(jobs, "waiting")
    most = 0
    for event in session.events():
        states[event["job"]] = event["state"]
        most = max(most, list(states.values()).count("running"))
        if set(states.values()) == {"done"}:
            break
    assert most == 2


def test_a_cancelled_job_ends_at_the_next_tile(session):
    job = session.enlarge(session.drop(drawn_png(*MANY_TILES)), weights="fast")
    session.wait(lambda told: told["done"] >= 1)
    assert session.ask("POST", f"jobs/{job}/cancel").status == 204
    last = session.ended(job)
    assert last["state"] == "cancelled"
    assert 1 <= last["done"] < last["total"]
    assert session.ask("GET", f"jobs/{job}/file", format=".png").status == 404


def test_a_build_that_is_cancelled_leaves_nothing_and_lets_the_next_one_start(tmp_path, monkeypatch, drawn):
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with running_page(Networks(), tmp_path, at_once=1) as page, Client(page.address).session() as session:
        picture = session.drop(drawn)
        job = session.enlarge(picture, weights="baseline", precision="fp32")
        assert "building" in session.wait(lambda told: told["note"] != "")["note"]
        assert session.ask("POST", f"jobs/{job}/cancel").status == 204
        assert session.ended(job)["state"] == "cancelled"
        assert [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
        again = session.enlarge(picture, weights="photo")
        assert session.ended(again)["state"] == "done"


@pytest.mark.parametrize("effort", [0, 30, 100])
def test_an_effort_has_the_commands_bytes_and_a_map_of_its_cells(routed_pair, tmp_path, effort):
    picture = drawn_png(100, 120)  # its enlargement is one square
    (tmp_path / "drawn.png").write_bytes(picture)
    networks = Networks(routed_pair.smaller, routed_pair.checkpoint, routed_pair.bigger)
    with running_page(networks, tmp_path) as page, Client(page.address).session() as session:
        job = session.enlarge(session.drop(picture), effort=effort)
        told = session.ended(job)
        found = session.ask("GET", f"jobs/{job}/file", format=".png").body
        drawn = pixels(session.ask("GET", f"jobs/{job}/layers/routing", level=0, row=0, column=0).body)
    command = ["upscale", str(tmp_path / "drawn.png"), "--artifact", str(routed_pair.smaller)]
    routed, alone = tmp_path / "routed.png", tmp_path / "alone.png"
    assert main([*command, str(alone)]) == 0
    assert main([*command, str(routed), "--bigger", str(routed_pair.bigger), "--effort", str(effort)]) == 0
    assert found == routed.read_bytes()
    share = told["numbers"]["share_percent"]
    assert (share == 0, share == 100) == (effort == 0, effort == 100)
    made, differs = pixels(found), (pixels(found) != pixels(alone.read_bytes())).any(axis=2)
    is_orange = (drawn == made // 2 + BIGGER // 2).all(axis=2)
    np.testing.assert_array_equal((drawn == made // 2).all(axis=2), ~is_orange)
    assert differs[is_orange].any() == (effort > 0)
    assert not differs[~is_orange].any()


@pytest.mark.parametrize("weights", ["auto", "fast"])
def test_an_effort_needs_no_artifact(session, tmp_path, weights):
    picture = tmp_path / "drawn.jpg"  # for which auto chooses other weights without an effort
    Image.open(io.BytesIO(drawn_png(100, 120))).save(picture, quality=80)
    job = session.enlarge(session.drop(picture.read_bytes(), picture.name), weights=weights, effort=50)
    told = session.ended(job)
    reason = "an effort needs its router" if weights == "auto" else ""
    assert (told["weights"], told["reason"]) == ("fast", reason)
    assert main(["upscale", str(picture), str(tmp_path / "out.png"), "--effort", "50"]) == 0
    found = session.ask("GET", f"jobs/{job}/file", format=".png").body
    assert found == (tmp_path / "out.png").read_bytes()
    cells = pixels(session.ask("GET", f"jobs/{job}/layers/routing", level=0, row=0, column=0).body)
    is_orange = (cells == pixels(found) // 2 + BIGGER // 2).all(axis=2)
    assert 0 < told["numbers"]["share_percent"] < 100
    assert told["numbers"]["share_percent"] == pytest.approx(100 * is_orange.mean())  # of equal cells


NO_EFFORTS = {
    "other weights": {"weights": "photo"},
    "another scale": {"scale": 3},
    "another precision": {"precision": "fp32"},
}


@pytest.mark.parametrize("kind", NO_EFFORTS)
def test_an_effort_is_refused_without_a_router_as_on_the_command_line(
    session, drawn, tmp_path, capfd, monkeypatch, kind
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wanted = {"picture": session.drop(drawn), "precision": "int8", "scale": 2, "effort": 20}
    answer = session.ask("POST", "jobs", json.dumps({**wanted, **NO_EFFORTS[kind]}).encode())
    assert answer.status == 422
    (tmp_path / "drawn.png").write_bytes(drawn)
    options = [word for name, value in NO_EFFORTS[kind].items() for word in (f"--{name}", str(value))]
    command = ["upscale", str(tmp_path / "drawn.png"), str(tmp_path / "out.png"), "--effort", "20", *options]
    assert main(command) == 2
    assert capfd.readouterr().err == f"liif-edge: {answer.json['error']}\n"
    assert not (tmp_path / "cache").exists()  # nothing is built to be refused


def test_an_effort_is_a_percentage(session, drawn):
    wanted = {"picture": session.drop(drawn), "precision": "int8", "scale": 2, "effort": 101}
    answer = session.ask("POST", "jobs", json.dumps(wanted).encode())
    assert (answer.status, answer.json["error"]) == (422, "expected an effort from 0 to 100, found 101")


def test_a_page_that_goes_away_ends_its_jobs_and_takes_its_files_along(client, folder):
    with client.session() as session:
        own = folder / session.welcome["session"]
        job = session.enlarge(session.drop(drawn_png(*MANY_TILES)), weights="fast")
        session.wait(lambda told: told["done"] >= 1)
        assert own.is_dir()
    assert wait_until(lambda: not own.exists())
    assert client.ask("GET", f"{own.name}/jobs/{job}/file?format=.png").status == 404


def test_one_pages_pictures_are_not_anothers(client, session, drawn):
    picture = session.drop(drawn)
    with client.session() as other:
        query = {"by": "bicubic", "width": 80, "height": 60, "top": 0, "left": 0, "rows": 9, "columns": 9}
        assert session.ask("GET", f"pictures/{picture}/magnified", **query).status == 200
        assert other.ask("GET", f"pictures/{picture}/magnified", **query).status == 404


def test_a_process_that_is_killed_fails_its_job_and_is_replaced(session, drawn):
    job = session.enlarge(session.drop(drawn_png(*MANY_TILES)), weights="fast")
    session.wait(lambda told: told["done"] >= 1)
    processes = multiprocessing.active_children()
    for process in processes:
        process.kill()
    for process in processes:  # not joined: of two who wait for a process only one learns its exit code
        wait([process.sentinel])
    last = session.ended(job)
    assert (last["state"], "process had ended with exit code -9" in last["note"]) == ("failed", True)
    again = session.enlarge(session.drop(drawn), weights="photo")
    assert session.ended(again)["state"] == "done"


def test_squares_of_the_enlargement_are_the_pixels_of_the_download(session):
    job = session.enlarge(session.drop(drawn_png(100, 180)), weights="photo")
    session.ended(job)
    whole = pixels(session.ask("GET", f"jobs/{job}/file", format=".png").body)
    squares = [
        pixels(session.ask("GET", f"jobs/{job}/layers/enlarged", level=0, row=0, column=c).body)
        for c in (0, 1)
    ]
    np.testing.assert_array_equal(np.concatenate(squares, axis=1), whole)
    outside = session.ask("GET", f"jobs/{job}/layers/enlarged", level=0, row=1, column=0)
    assert outside.status == 404
    assert session.ask("GET", f"jobs/{job}/layers/fp32", level=2, row=0, column=0).status == 422
    assert session.ask("GET", f"jobs/{job}/layers/heat", level=0, row=0, column=0).status == 404


def test_a_job_is_compared_with_fp32_where_one_looks(session, drawn):
    job = session.enlarge(session.drop(drawn), weights="photo")
    session.ended(job)
    found = session.ask("GET", f"jobs/{job}/fp32", top=10, left=20, rows=64, columns=64).json
    assert 40 < found["psnr_db"] < 70
    assert 0 < found["mean"] < found["largest"] < 64


def test_a_removed_picture_takes_its_files_along(session, drawn, folder):
    picture = session.drop(drawn)
    job = session.enlarge(picture, weights="photo")
    session.ended(job)
    assert session.ask("DELETE", f"pictures/{picture}").status == 204
    assert list((folder / session.welcome["session"]).iterdir()) == []
    assert session.ask("GET", f"jobs/{job}/file", format=".png").status == 404
