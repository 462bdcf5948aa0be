"""What the page asks, read and checked: numbers in addresses, orders, and files that are sent."""

import json
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from edge.errors import BadInput
from edge.images.encoding import FORMATS
from edge.images.picture import parse_colour
from edge.page.enlargement import PRECISIONS, PagePrecision, Saving
from edge.recipe import check_scale
from edge.run.routing import Effort
from edge.run.tiling import Rect
from models import EMBEDDED

# Of a file: an uncompressed picture of as many pixels as can be read, in 16 bits, has 537 MB.
MAX_BYTES = 600_000_000

MAX_REGION = 1024  # pixels a side of what is computed in one request


class TooLarge(BadInput):
    """A file of more bytes than are taken."""


async def receive(request: Request, path: Path) -> None:
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


def whole(request: Request, name: str, low: int, high: float) -> int:
    """A whole number in the address, from ``low`` to ``high``."""
    text = request.query_params.get(name, "")
    if not (text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        raise BadInput(f"expected {name}, a whole number from {low} to {high:g}, found {text!r}")
    return int(text)


def region(request: Request, size: tuple[int, int]) -> Rect:
    """The rectangle in the address, cut to a picture of ``size``."""
    top, left = whole(request, "top", 0, size[0] - 1), whole(request, "left", 0, size[1] - 1)
    rows, columns = (whole(request, name, 1, MAX_REGION) for name in ("rows", "columns"))
    return Rect(top, left, min(rows, size[0] - top), min(columns, size[1] - left))


def one_of(request: Request, name: str, known: tuple[str, ...]) -> str:
    """A word in the address, of those ``known``."""
    text = request.query_params.get(name, "")
    if text not in known:
        raise BadInput(f"expected {name} to be one of {', '.join(known)}, found {text!r}")
    return text


def weights(name: object) -> str | None:
    """Of embedded ones; None: those that suit the file."""
    if name in (None, "auto"):
        return None
    if name not in EMBEDDED:
        raise BadInput(f"expected weights of auto, {', '.join(EMBEDDED)}, found {name!r}")
    return str(name)


def saving(request: Request) -> Saving:
    """How a download is to be written."""
    suffix = one_of(request, "format", tuple(FORMATS))
    quality = whole(request, "quality", 1, 100) if "quality" in request.query_params else None
    background = request.query_params.get("background")
    return Saving(
        suffix,
        quality,
        None if background is None else parse_colour(background),
        request.query_params.get("strip") == "yes",
    )


@dataclass(frozen=True)
class Wish:
    """An enlargement that is asked for: of picture ``number``, by a factor or to (H, W). ``weights`` None:
    those that suit the file; ``effort`` 0: of the smaller network alone."""

    number: int
    weights: str | None
    precision: PagePrecision
    scale: float | tuple[int, int]
    effort: int


async def wish(request: Request) -> Wish:
    """The body of a request for a job, in JSON."""
    try:
        wanted = json.loads(await request.body())
        number, precision, effort = wanted["picture"], wanted["precision"], int(wanted.get("effort", 0))
        sides = None if "scale" in wanted else (int(wanted["height"]), int(wanted["width"]))
        scale = sides or float(wanted["scale"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise BadInput("expected picture, precision and scale, or width and height, in JSON") from error
    if precision not in PRECISIONS:
        raise BadInput(f"expected a precision of {', '.join(PRECISIONS)}, found {precision!r}")
    if isinstance(scale, float):
        check_scale(scale)
    return Wish(number, weights(wanted.get("weights")), precision, scale, Effort(effort).percent)
