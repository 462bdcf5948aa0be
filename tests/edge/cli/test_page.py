"""serve: what it refuses, what it prints, and that it ends well."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from command_line import CLI, INTERRUPTIBLE, ROOT, assert_refused

from edge.card_reader import read_card


def test_a_port_that_is_taken_or_is_none_is_refused(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(
            run("serve", "--no-browser", "--port", port), f"found {port} refused: Address already in use"
        )
    assert_refused(
        run("serve", "--no-browser", "--port", 70_000), "expected a free port", "found 70000 refused"
    )


def test_a_bigger_artifact_is_refused_without_a_router_that_knows_it(run, routed_pair):
    smaller, bigger = routed_pair.smaller, routed_pair.bigger
    for artifact, given, *words in (
        (bigger, smaller, "expected an artifact with a router", f"found {bigger.name}, which has none"),
        (smaller, smaller, "which the router knows", f"of {read_card(smaller).checkpoint.sha256[:12]}…"),
    ):
        options = ["--artifact", artifact, "--checkpoint", routed_pair.checkpoint, "--bigger", given]
        assert_refused(run("serve", "--no-browser", *options), *words)
    assert_refused(
        run("serve", "--no-browser", "--bigger", bigger), "expected --artifact with --bigger, found none"
    )


def test_without_its_packages_it_says_how_to_get_them(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "edge.page.server", raising=False)
    outcome = run("serve", "--no-browser")
    assert_refused(outcome, "expected uvicorn, found none: pip install 'liif-edge[page]'", code=3)


ENDS = {
    signal.SIGINT: (0, "the page is closed"),
    signal.SIGTERM: (128 + signal.SIGTERM, "liif-edge: interrupted; nothing half-written was left"),
}


@pytest.mark.parametrize("end", ENDS)
def test_it_prints_an_address_that_answers_and_ends_by_ctrl_c_and_sigterm(tmp_path, end):
    command = [CLI[0], "-c", INTERRUPTIBLE, "serve", "--no-browser", "--jobs", "1"]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{22}/", address)
        with urllib.request.urlopen(address) as answer:
            assert b"<title>liif-edge</title>" in answer.read()
        server.send_signal(end)
        out, err = server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()
    code, last = ENDS[end]
    assert (server.returncode, out) == (code, "")
    assert err.splitlines() == ["Ctrl-C ends it; nothing leaves this machine", last]
    assert list(tmp_path.iterdir()) == []
