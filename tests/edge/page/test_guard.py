"""No other site's page, no name that points here, and nobody without the token uses the server."""

import socket
from urllib.parse import urlsplit

import pytest


def host_of(page):
    return urlsplit(page.address).netloc


def test_the_page_itself_may_ask(page, client):
    host = host_of(page)
    assert client.ask("GET", "", Origin=f"http://{host}", Sec_Fetch_Site="same-origin").status == 200
    assert client.ask("GET", "", Host=host.replace("127.0.0.1", "localhost")).status == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "liif.example"),
        ("Host", "127.0.0.1"),
        ("Host", "127.0.0.1.liif.example:80"),
        ("Origin", "http://liif.example"),
        ("Origin", "https://127.0.0.1"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ],
)
@pytest.mark.parametrize("path", ["", "events", "sample.png"])
def test_others_are_refused(client, header, value, path):
    answer = client.ask("GET", path, **{header.replace("-", "_"): value})
    assert answer.status == 403
    assert answer.body.startswith(b"expected ")
    assert answer.body.endswith(f"{value}\n".encode()) or value in answer.body.decode()


@pytest.mark.parametrize("token", ["", "x", "{}x", "%7B"])
def test_without_the_token_there_is_nothing(page, client, token):
    real = urlsplit(page.address).path.strip("/")
    assert client.ask("GET", "/" + token.format(real)).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "files/../server.py",
        "server.py",
        "/etc/passwd",
        "//etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_page(client, path):
    assert client.ask("GET", path).status == 404


def test_it_listens_on_this_machine_only(page):
    port = urlsplit(page.address).port
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", port))


def test_no_answer_may_be_framed_kept_or_sent_elsewhere(client):
    headers = client.ask("GET", "").headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert headers["cross-origin-resource-policy"] == "same-origin"
