"""Who may speak to the server: the page that it gave out, from this machine, and no other site's page.

Every web page can send requests to 127.0.0.1. Three things keep them out: a token in the address that no
other page knows; the Host header, against names of others that point to this machine; and what browsers say
of where a request comes from.
"""

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing from elsewhere, nothing to elsewhere, and the address with its token in no Referer.
_ALONE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'self'; img-src 'self' blob: data:; {_ALONE}"
_INLINE = "'unsafe-inline'"  # the report is one file
REPORT_POLICY = f"default-src 'none'; img-src data:; style-src {_INLINE}; script-src {_INLINE}; {_ALONE}"
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def new_token() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_urlsafe(16)


class Guard:
    """In front of ``app``: lets through what asks one of ``hosts`` (``127.0.0.1:8080``) for an address below
    ``token``, and adds HEADERS where the answer has none of its own."""

    def __init__(self, app: "ASGIApp", hosts: tuple[str, ...], token: str) -> None:
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from starlette.datastructures import MutableHeaders

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
            return
        from starlette.responses import PlainTextResponse

        status, text = refusal
        await PlainTextResponse(text + "\n", status)(scope, receive, send_with_headers)

    def _refusal(self, scope: "Scope") -> tuple[int, str] | None:
        from starlette.datastructures import Headers

        headers = Headers(scope=scope)
        found = headers.getlist("host")
        if len(found) != 1 or found[0] not in self._hosts:
            return 403, f"expected the host {self._hosts[0]}, found {', '.join(found) or 'none'}"
        origin = headers.get("origin")
        if origin is not None and (
            urlsplit(origin).scheme != "http" or urlsplit(origin).netloc not in self._hosts
        ):
            return 403, f"expected a request from the page itself, found one from {origin}"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("same-origin", "none"):
            return 403, f"expected a request from the page itself, found one that is {site}"
        first = scope["path"].split("/")[1]
        if not secrets.compare_digest(first.encode(), self._token.encode()):
            return 404, "expected the whole address that liif-edge serve printed, found another one"
        return None
