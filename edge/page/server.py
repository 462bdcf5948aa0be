"""The addresses of the page, below its token:

    /                                     the page's own files
    /sample.png                           a picture to try
    /report                               of the artifact that is shown
    /events                               opens a session and tells of its jobs, until the page closes
    /S/pictures?name=                     POST a file's bytes; DELETE /S/pictures/N
    /S/pictures/N/magnified               a region of a picture at any zoom
    /S/jobs                               POST what to enlarge, and to what; DELETE /S/jobs/N
    /S/jobs/N/cancel                      POST
    /S/jobs/N/layers/LAYER                a square of the enlargement, or of a map
    /S/jobs/N/fp32                        numbers of a region against fp32
    /S/jobs/N/file                        the enlargement in a format of the command

S is the session, N a number in it. No part of an address names a file on this machine.
"""

import asyncio
import json
import math
import secrets
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from PIL import ImageColor
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from edge.errors import BadInput, LiifEdgeError
from edge.images.decoding import MAX_PIXELS
from edge.images.encoding import FORMATS
from edge.page.enlargement import MAX_OUTPUT_PIXELS, PRECISIONS, Saving
from edge.page.guard import REPORT_POLICY, Guard, new_token
from edge.page.jobs import Job, JobQueue
from edge.page.layers import FP32_LEVELS, LAYERS, OF_FP32, PEAKS, SQUARE, Square, compare_with_fp32, draw, png
from edge.page.networks import Networks
from edge.page.session import NotThere, Session, StoredPicture
from edge.recipe import MAX_SCALE, check_scale
from edge.run.tiling import Rect
from models import EMBEDDED
from models.drawings import draw_sample
from models.errors import ModelError

# The page's own files are in apps/page. edge/page/files is a link to it, by which wheels get them.
FILES = Path(__file__).parent / "files"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

# Of a file: an uncompressed picture of as many pixels as can be read, in 16 bits, has 537 MB.
MAX_BYTES = 600_000_000

MAX_REGION = 1024  # pixels a side of what is computed in one request

# The largest zoom of the magnifier. The network was trained up to 4 and is smooth beyond.
MAX_ZOOM = MAX_SCALE

# At which the largest picture is a few squares.
MAX_LEVEL = 12

# Seconds that open answers have when the server ends.
GRACE = 1


class TooLarge(BadInput):
    """A file of more bytes than are taken."""


class Page:
    """The server of one page. ``log`` is told of defects. A folder for temporary files must outlive it."""

    def __init__(
        self, networks: Networks, port: int, at_once: int, folder: Path, log: Callable[[str], None]
    ) -> None:
        self._socket = _listen(port)
        host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        token = new_token()
        self.address = f"http://{host}/{token}/"
        self._networks, self._folder, self._log = networks, folder, log
        self._queue = JobQueue(at_once)
        self._sessions: dict[str, Session] = {}
        self._closers = ThreadPoolExecutor(thread_name_prefix="close")
        self._report: str | None = None
        self._checking = asyncio.Lock()
        app = Starlette(
            routes=[Mount(f"/{token}", routes=self._routes())],
            exception_handlers={
                LiifEdgeError: _refuse,
                ModelError: _refuse,
                ClientDisconnect: _say_nothing,
                MemoryError: _say_no_room,
                OSError: _say_no_room,
                Exception: self._defect,
            },
        )
        config = uvicorn.Config(
            Guard(app, (host, host.replace("127.0.0.1", "localhost")), token),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Answer until ``stop``, or until the process is interrupted; then end all sessions and jobs."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._queue.close()
            self._closers.shutdown()

    def stop(self) -> None:
        """Let ``run`` return soon; from any thread."""
        self._server.should_exit = True

    def _routes(self) -> list[Route | Mount]:
        files = [
            Route("/" if path.name == "index.html" else f"/{path.name}", _file(path))
            for path in sorted(FILES.iterdir())
        ]
        return [
            *files,
            Route("/sample.png", _sample),
            Route("/report", self._show_report),
            Route("/events", self._open_session),
            Route("/{session}/pictures", self._add_picture, methods=["POST"]),
            Route("/{session}/pictures/{number:int}", self._remove_picture, methods=["DELETE"]),
            Route("/{session}/pictures/{number:int}/magnified", self._magnify),
            Route("/{session}/jobs", self._add_job, methods=["POST"]),
            Route("/{session}/jobs/{number:int}", self._remove_job, methods=["DELETE"]),
            Route("/{session}/jobs/{number:int}/cancel", self._cancel_job, methods=["POST"]),
            Route("/{session}/jobs/{number:int}/layers/{layer}", self._draw_layer),
            Route("/{session}/jobs/{number:int}/fp32", self._compare_with_fp32),
            Route("/{session}/jobs/{number:int}/file", self._write_file),
        ]

    async def _open_session(self, request: Request) -> Response:
        loop, changes = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]]()
        name = secrets.token_urlsafe(8)

        def publish(job: Job) -> None:
            if name in self._sessions:
                loop.call_soon_threadsafe(changes.put_nowait, self._describe(job))

        async def events() -> AsyncIterator[str]:
            session = Session(self._folder / name, self._networks, self._queue, publish)
            self._sessions[name] = session
            try:
                yield _event("welcome", {"session": name, **self._offers()})
                while True:
                    yield _event("job", await changes.get())
            finally:  # the page has gone, or the server ends
                del self._sessions[name]
                self._closers.submit(session.close)

        return StreamingResponse(events(), media_type="text/event-stream")

    def _offers(self) -> dict[str, Any]:
        card = self._networks.card
        return {
            "limits": {
                "bytes": MAX_BYTES,
                "pixels": MAX_PIXELS,
                "output_pixels": MAX_OUTPUT_PIXELS,
                "scale": MAX_SCALE,
                "zoom": MAX_ZOOM,
            },
            "formats": {
                suffix: {"name": form.name, "alpha": form.alpha, "lossy": form.lossy is not None}
                for suffix, form in FORMATS.items()
            },
            "weights": list(EMBEDDED),
            "precisions": list(PRECISIONS),
            "artifact": None if card is None else {"name": card.name, "scale": card.scale},
            "square": SQUARE,
            "fp32_levels": list(FP32_LEVELS),
            "peaks": PEAKS,
        }

    def _describe(self, job: Job) -> dict[str, Any]:
        if job.is_defect:
            self._log(job.note)
        note = "this is a defect of liif-edge; its terminal has the details" if job.is_defect else job.note
        return {
            "job": job.number,
            "state": job.state,
            "note": note,
            "width": job.order.size[1],
            "height": job.order.size[0],
            "done": job.progress.done,
            "total": job.progress.total,
            "rows": job.progress.rows,
            "seconds_left": job.seconds_left,
            "numbers": None if job.numbers is None else _finite(asdict(job.numbers)),
        }

    async def _add_picture(self, request: Request) -> Response:
        session = self._session(request)
        name = request.query_params.get("name", "picture")
        path = session.new_file()
        try:
            await _receive(request, path)
            stored = await run_in_threadpool(session.add_picture, name, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return JSONResponse(_describe_picture(stored), 201)

    async def _remove_picture(self, request: Request) -> Response:
        self._session(request).remove_picture(request.path_params["number"])
        return Response(status_code=204)

    async def _magnify(self, request: Request) -> Response:
        session, number = self._session(request), request.path_params["number"]
        stored = session.picture(number)
        longest = MAX_ZOOM * max(stored.size)
        size = (_whole(request, "height", 1, longest), _whole(request, "width", 1, longest))
        by = _one_of(request, "by", ("bicubic", "network", "fp32"))
        weights = _weights(request.query_params.get("weights"))
        region = _region(request, size)
        pixels = await run_in_threadpool(session.magnify, number, by, weights, size, region)
        return Response(await run_in_threadpool(png, pixels), media_type="image/png")

    async def _add_job(self, request: Request) -> Response:
        session = self._session(request)
        try:
            wanted = json.loads(await request.body())
            number, precision, weights = wanted["picture"], wanted["precision"], wanted.get("weights")
            scale: float | tuple[int, int]
            if "scale" in wanted:
                scale = float(wanted["scale"])
            else:
                scale = (int(wanted["height"]), int(wanted["width"]))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise BadInput("expected picture, precision and scale, or width and height, in JSON") from error
        if precision not in PRECISIONS:
            raise BadInput(f"expected a precision of {', '.join(PRECISIONS)}, found {precision!r}")
        if isinstance(scale, float):
            check_scale(scale)
        return JSONResponse(self._describe(session.add_job(number, _weights(weights), precision, scale)), 201)

    async def _remove_job(self, request: Request) -> Response:
        self._session(request).remove_job(request.path_params["number"])
        return Response(status_code=204)

    async def _cancel_job(self, request: Request) -> Response:
        self._session(request).cancel(request.path_params["number"])
        return Response(status_code=204)

    async def _draw_layer(self, request: Request) -> Response:
        layer = request.path_params["layer"]
        if layer not in LAYERS:
            raise NotThere(f"expected a layer of {', '.join(LAYERS)}, found {layer!r}")
        highest = FP32_LEVELS[-1] if layer in OF_FP32 else MAX_LEVEL
        square = Square(
            _whole(request, "level", 0, highest),
            _whole(request, "row", 0, MAX_OUTPUT_PIXELS),
            _whole(request, "column", 0, MAX_OUTPUT_PIXELS),
        )
        session, number = self._session(request), request.path_params["number"]

        def work() -> bytes:
            of = session.enlargement(number)
            region = square.region(of.size)
            if region is None:
                raise NotThere(f"expected a square of the enlargement, found {square}")
            return png(draw(layer, of, region, square.level))

        return Response(await run_in_threadpool(work), media_type="image/png")

    async def _compare_with_fp32(self, request: Request) -> Response:
        session, number = self._session(request), request.path_params["number"]
        region = _region(request, session.job(number)[0].order.size)

        def work() -> dict[str, float | None]:
            return _finite(compare_with_fp32(session.enlargement(number), region))

        return JSONResponse(await run_in_threadpool(work))

    async def _write_file(self, request: Request) -> Response:
        session, number = self._session(request), request.path_params["number"]
        saving = _saving(request)
        path = await run_in_threadpool(session.save, number, saving)
        job, stored = session.job(number)
        name = f"{stored.stem}-{job.order.size[1]}x{job.order.size[0]}{saving.suffix}"
        return FileResponse(path, filename=name, background=BackgroundTask(path.unlink, missing_ok=True))

    async def _show_report(self, request: Request) -> Response:
        if self._networks.card is None:
            raise NotThere("expected an artifact to report on, found none: liif-edge serve --artifact DIR")
        async with self._checking:
            if self._report is None:
                from edge.page.report import checked_report

                self._report = await run_in_threadpool(checked_report, self._networks)
        return HTMLResponse(self._report, headers={"content-security-policy": REPORT_POLICY})

    def _session(self, request: Request) -> Session:
        name = request.path_params["session"]
        if name not in self._sessions:
            raise NotThere("expected an open page, found a session that has ended")
        return self._sessions[name]

    async def _defect(self, request: Request, error: Exception) -> Response:
        self._log("".join(traceback.format_exception(error)))
        return JSONResponse({"error": "this is a defect of liif-edge; its terminal has the details"}, 500)


def _listen(port: int) -> socket.socket:
    """On this machine only; ``port`` 0: a free one. Raises BadInput where none is to be had."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"expected a free port to listen on, found {port} refused: {reason}") from error
    return listening


def _file(path: Path) -> Callable[[Request], Response]:
    content = path.read_bytes()

    def answer(_request: Request) -> Response:
        return Response(content, media_type=TYPES[path.suffix])

    return answer


def _sample(_request: Request) -> Response:
    return Response(png(draw_sample()), media_type="image/png")


async def _receive(request: Request, path: Path) -> None:
    """The request's body into a new file. Raises TooLarge, before it is read where its length is given."""
    told = request.headers.get("content-length", "0")
    received = int(told) if told.isdecimal() else 0
    with path.open("xb") as file:
        if received <= MAX_BYTES:
            received = 0
            async for part in request.stream():
                received += len(part)
                if received > MAX_BYTES:
                    break
                file.write(part)
    if received > MAX_BYTES:
        raise TooLarge(f"expected a file of at most {MAX_BYTES / 1e6:.0f} MB, found a larger one")


async def _refuse(_request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, NotThere) else 413 if isinstance(error, TooLarge) else 422
    return JSONResponse({"error": str(error)}, status)


async def _say_nothing(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # to a page that went away while it sent a file


async def _say_no_room(_request: Request, error: Exception) -> Response:
    found = f"{error.strerror or error}" if isinstance(error, OSError) else "too little memory"
    return JSONResponse({"error": f"expected room for the picture, found {found}"}, 507)


def _describe_picture(stored: StoredPicture) -> dict[str, Any]:
    return {
        "picture": stored.number,
        "name": stored.name,
        "width": stored.size[1],
        "height": stored.size[0],
        "transparent": stored.transparent,
        "notes": list(stored.notes),
        "weights": stored.choice.weights,
        "reason": stored.choice.reason,
    }


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, allow_nan=False)}\n\n"


def _whole(request: Request, name: str, low: int, high: float) -> int:
    """A whole number in the address, from ``low`` to ``high``."""
    text = request.query_params.get(name, "")
    if not (text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        raise BadInput(f"expected {name}, a whole number from {low} to {high:g}, found {text!r}")
    return int(text)


def _region(request: Request, size: tuple[int, int]) -> Rect:
    """The rectangle in the address, cut to a picture of ``size``."""
    top, left = _whole(request, "top", 0, size[0] - 1), _whole(request, "left", 0, size[1] - 1)
    rows, columns = (_whole(request, name, 1, MAX_REGION) for name in ("rows", "columns"))
    return Rect(top, left, min(rows, size[0] - top), min(columns, size[1] - left))


def _one_of(request: Request, name: str, known: tuple[str, ...]) -> str:
    text = request.query_params.get(name, "")
    if text not in known:
        raise BadInput(f"expected {name} to be one of {', '.join(known)}, found {text!r}")
    return text


def _weights(name: object) -> str | None:
    """Of a request; None: those that suit the file."""
    if name in (None, "auto"):
        return None
    if name not in EMBEDDED:
        raise BadInput(f"expected weights of auto, {', '.join(EMBEDDED)}, found {name!r}")
    return str(name)


def _saving(request: Request) -> Saving:
    suffix = _one_of(request, "format", tuple(FORMATS))
    quality = _whole(request, "quality", 1, 100) if "quality" in request.query_params else None
    background = request.query_params.get("background")
    return Saving(
        suffix,
        quality,
        None if background is None else _colour(background),
        request.query_params.get("strip") == "yes",
    )


def _colour(text: str) -> tuple[int, int, int]:
    try:
        red, green, blue, *_ = ImageColor.getrgb(text)
    except ValueError as error:
        raise BadInput(f"expected a colour like white or #ffffff, found {text!r}") from error
    return red, green, blue


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """JSON has no infinity, which equal pictures have in dB."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
