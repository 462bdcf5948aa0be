"""What the page is answered: descriptions in JSON, events, and refusals in words."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.json_measures import finite
from edge.page.jobs import Job
from edge.page.requests import TooLarge
from edge.page.session import NotThere, StoredPicture

DEFECT = "this is a defect of liif-edge; its terminal has the details"


async def refuse(_request: Request, error: Exception) -> Response:
    """What was wrong with a request."""
    status = 404 if isinstance(error, NotThere) else 413 if isinstance(error, TooLarge) else 422
    return JSONResponse({"error": str(error)}, status)


async def say_nothing(_request: Request, _error: Exception) -> Response:
    """To a page that went away while it sent a file."""
    return Response(status_code=400)


async def say_no_room(_request: Request, error: Exception) -> Response:
    """Of memory, or on the disk."""
    found = f"{error.strerror or error}" if isinstance(error, OSError) else "too little memory"
    return JSONResponse({"error": f"expected room for the picture, found {found}"}, 507)


def describe_picture(stored: StoredPicture) -> dict[str, Any]:
    """What was read of a picture."""
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


def describe_job(job: Job) -> dict[str, Any]:
    """How far a job is."""
    return {
        "job": job.number,
        "state": job.state,
        "note": DEFECT if job.is_defect else job.note,
        "width": job.order.size[1],
        "height": job.order.size[0],
        "weights": job.order.weights,
        "reason": job.reason,
        "done": job.progress.done,
        "total": job.progress.total,
        "rows": job.progress.rows,
        "seconds_left": job.seconds_left,
        "numbers": None if job.numbers is None else finite(job.numbers),
    }


def event(name: str, data: dict[str, Any]) -> str:
    """A server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, allow_nan=False)}\n\n"
