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
import secrets
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from edge.embedded import AUTO, ROUTED
from edge.errors import BadInput, LiifEdgeError
from edge.images.decoding import MAX_PIXELS
from edge.images.encoding import FORMATS
from edge.json_measures import finite_values
from edge.page.answers import (
    DEFECT,
    describe_job,
    describe_picture,
    event,
    refuse,
    say_no_room,
    say_nothing,
)
from edge.page.enlargement import MAX_OUTPUT_PIXELS, PRECISIONS
from edge.page.guard import REPORT_POLICY, Guard, new_token
from edge.page.jobs import Job, JobQueue
from edge.page.layers import FP32_LEVELS, LAYERS, OF_FP32, PEAKS, SQUARE, Square, compare_with_fp32, draw, png
from edge.page.networks import Networks
from edge.page.requests import MAX_BYTES, one_of, receive, region, saving, weights, whole, wish
from edge.page.session import NotThere, Session
from edge.recipe import MAX_SCALE
from models import EMBEDDED
from models.drawings import draw_sample
from models.errors import ModelError

# The page's own files are in apps/page. edge/page/files is a link to it, by which wheels get them.
FILES = Path(__file__).parent / "files"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

# The largest zoom of the magnifier. The network was trained up to 4 and is smooth beyond.
MAX_ZOOM = MAX_SCALE

# At which the largest picture is a few squares.
MAX_LEVEL = 12

# Seconds that open answers have when the server ends.
GRACE = 1


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
                LiifEdgeError: refuse,
                ModelError: refuse,
                ClientDisconnect: say_nothing,
                MemoryError: say_no_room,
                OSError: say_no_room,
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
            if job.is_defect:
                self._log(job.note)
            if name in self._sessions:
                loop.call_soon_threadsafe(changes.put_nowait, describe_job(job))

        async def events() -> AsyncIterator[str]:
            session = Session(self._folder / name, self._networks, self._queue, publish)
            self._sessions[name] = session
            try:
                yield event("welcome", {"session": name, **self._offers()})
                while True:
                    yield event("job", await changes.get())
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
            "effort": self._effort(),
            "square": SQUARE,
            "fp32_levels": list(FP32_LEVELS),
            "peaks": PEAKS,
        }

    def _effort(self) -> dict[str, Any] | None:
        """What an order must be like to have an effort, and whether the bigger artifact is the user's."""
        routed, networks = self._networks.routed, self._networks
        if routed is None:
            return None
        return {
            "weights": [AUTO, ROUTED] if networks.card is None else [AUTO],
            "precision": "int8",
            "scale": routed.scale,
            "bigger": networks.bigger is not None,
        }

    async def _add_picture(self, request: Request) -> Response:
        session = self._session(request)
        name = request.query_params.get("name", "picture")
        path = session.new_file()
        try:
            await receive(request, path)
            stored = await run_in_threadpool(session.add_picture, name, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return JSONResponse(describe_picture(stored), 201)

    async def _remove_picture(self, request: Request) -> Response:
        self._session(request).remove_picture(request.path_params["number"])
        return Response(status_code=204)

    async def _magnify(self, request: Request) -> Response:
        session, number = self._session(request), request.path_params["number"]
        stored = session.picture(number)
        longest = MAX_ZOOM * max(stored.size)
        size = (whole(request, "height", 1, longest), whole(request, "width", 1, longest))
        by = one_of(request, "by", ("bicubic", "network", "fp32"))
        chosen = weights(request.query_params.get("weights"))
        part = region(request, size)
        pixels, rendered_by = await run_in_threadpool(session.magnify, number, by, chosen, size, part)
        content = await run_in_threadpool(png, pixels)
        return Response(content, media_type="image/png", headers={"rendered-by": quote(rendered_by)})

    async def _add_job(self, request: Request) -> Response:
        session = self._session(request)
        job = session.add_job(await wish(request))
        return JSONResponse(describe_job(job), 201)

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
            whole(request, "level", 0, highest),
            whole(request, "row", 0, MAX_OUTPUT_PIXELS),
            whole(request, "column", 0, MAX_OUTPUT_PIXELS),
        )
        session, number = self._session(request), request.path_params["number"]

        def work() -> bytes:
            of = session.enlargement(number)
            part = square.region(of.size)
            if part is None:
                raise NotThere(f"expected a square of the enlargement, found {square}")
            return png(draw(layer, of, part, square.level))

        return Response(await run_in_threadpool(work), media_type="image/png")

    async def _compare_with_fp32(self, request: Request) -> Response:
        session, number = self._session(request), request.path_params["number"]
        part = region(request, session.job(number)[0].order.size)

        def work() -> dict[str, object]:
            return finite_values(compare_with_fp32(session.enlargement(number), part))

        return JSONResponse(await run_in_threadpool(work))

    async def _write_file(self, request: Request) -> Response:
        session, number = self._session(request), request.path_params["number"]
        how = saving(request)
        path = await run_in_threadpool(session.save, number, how)
        job, stored = session.job(number)
        name = f"{stored.stem}-{job.order.size[1]}x{job.order.size[0]}{how.suffix}"
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
        return JSONResponse({"error": DEFECT}, 500)


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
