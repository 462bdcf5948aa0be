"""A plain client of the page's server: requests as they are written, and the stream of events."""

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from PIL import Image

from edge.page.networks import Networks
from edge.page.server import Page
from models.drawings import draw_sheet

PATIENCE = 90  # seconds, on a machine that does other things, too


def drawn_png(height: int, width: int) -> bytes:
    """A PNG file that we drew."""
    file = io.BytesIO()
    Image.fromarray(draw_sheet(height, width, 5)).save(file, "PNG")
    return file.getvalue()


@contextmanager
def running_page(networks: Networks, folder: Path, at_once: int = 2) -> Iterator[Page]:
    """A server in a thread of this process."""
    defects: list[str] = []
    page = Page(networks, 0, at_once, folder, defects.append)
    thread = threading.Thread(target=page.run)
    thread.start()
    try:
        yield page
    finally:
        page.stop()
        thread.join()
    assert defects == [], defects


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    address: str

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """``path`` below the token; one that begins with a slash: from the root, as it is."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
        whole = path if path.startswith("/") else parts.path + path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, whole, body, named)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return found

    @contextmanager
    def session(self) -> "Iterator[Session]":
        """An open page."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
        connection.request("GET", parts.path + "events")
        stream = connection.getresponse()
        name, welcome = _event(stream)
        assert name == "welcome"
        try:
            yield Session(self, stream, welcome)
        finally:
            stream.close()
            connection.close()


def _event(stream: http.client.HTTPResponse) -> tuple[str, dict]:
    lines = []
    while (line := stream.readline().decode().rstrip("\n")) or not lines:
        lines.append(line)
    fields = dict(line.split(": ", 1) for line in lines)
    return fields["event"], json.loads(fields["data"])


class Session:
    def __init__(self, client: Client, stream: http.client.HTTPResponse, welcome: dict) -> None:
        self.welcome, self._client, self._stream = welcome, client, stream

    def ask(self, method: str, path: str, body: bytes | None = None, **query: object) -> Answer:
        words = f"?{urlencode(query)}" if query else ""
        return self._client.ask(method, f"{self.welcome['session']}/{path}{words}", body)

    def drop(self, content: bytes, name: str = "picture.png") -> int:
        answer = self.ask("POST", "pictures", content, name=name)
        assert answer.status == 201, answer.body
        return answer.json["picture"]

    def enlarge(self, picture: int, **order: object) -> int:
        wanted = {"picture": picture, "precision": "int8", "scale": 2, **order}
        answer = self.ask("POST", "jobs", json.dumps(wanted).encode())
        assert answer.status == 201, answer.body
        return answer.json["job"]

    def events(self) -> Iterator[dict]:
        """What is told of jobs."""
        while True:
            yield _event(self._stream)[1]

    def wait(self, until: Callable[[dict], bool]) -> dict:
        return next(told for told in self.events() if until(told))

    def ended(self, job: int) -> dict:
        """The last word on ``job``."""
        return self.wait(lambda t: t["job"] == job and t["state"] in ("done", "failed", "cancelled"))
