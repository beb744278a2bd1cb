"""What stands between the pages and the rest of the world: who may ask, and what a page may do.

A page on the web can make a browser ask this machine under a name of its own (DNS rebinding); such a request carries
that name in its Host header, so only names of this machine are answered. The content security policy allows a page
nothing but what this server sends: no script or style within the page, no other address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Guard:
    """Refuses requests made under a foreign name, and puts the headers on every answer that lacks them."""

    def __init__(self, app: ASGIApp, names: Iterable[str], *, addresses: bool = False) -> None:
        self._app, self._names, self._addresses = app, frozenset(names), addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if is_ours(host, self._names, addresses=self._addresses):
            await self._app(scope, receive, guarded)
        else:
            refusal = PlainTextResponse("This server is not known by that name.", status_code=421)
            await refusal(scope, receive, guarded)


def is_ours(host: str, names: Iterable[str], *, addresses: bool = False) -> bool:
    """Whether a Host header names this server; with ``addresses`` any number will do, for no name was looked up."""
    name = hostname(host)
    return name in frozenset(names) or (addresses and is_address(name))


def hostname(host: str) -> str:
    """The name in a Host header, without port, brackets and the dot at the end."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].removesuffix(".").lower()


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether only programs of this machine can reach the address."""
    return name.lower() == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)
