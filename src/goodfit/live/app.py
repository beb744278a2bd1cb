"""The pages and what they ask for, as a Starlette application.

===========================  =========================================================================
``/``                        the runs
``/runs/RUN``                one run
``/runs/RUN/report``         its report, as the run wrote it
``/compare?run=A&run=B``     two runs beside each other
``/api/runs``                the list as JSON
``/api/runs/RUN``            one run as JSON; ``width`` bounds the points of its curves
``/api/runs/RUN/events``     what comes after, as server-sent events
``/api/runs/RUN/stop``       POST with the token: ask the run to stop
``/api/compare``             two runs as JSON
===========================  =========================================================================
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from goodfit.core.errors import GoodfitError, NotFoundError
from goodfit.ledger import FILE, Ledger, standing
from goodfit.live import pages, store
from goodfit.live.guard import LOOPBACK, Guard
from goodfit.live.tail import Change, Cursor, since

POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 10.0
RETRY_MILLISECONDS = 1000
WIDTHS = 40, 4000
REPORT_POLICY = "sandbox allow-scripts allow-popups; frame-ancestors 'none'"
"""A report is a page of its own: it may draw, and reach nothing of this server."""
TOKEN = "x-goodfit-token"  # noqa: S105


@dataclass(frozen=True)
class Site:
    """One folder of runs as pages. ``token`` allows to stop a run; ``shown`` is whether the pages hold it."""

    out: Path
    token: str
    shown: bool = True

    async def read(self, ask: Callable[[Ledger], Any]) -> Any:
        """What ``ask`` finds in the ledger, in a thread of its own; 404 where there is no such run."""
        try:
            return await run_in_threadpool(self._read, ask)
        except NotFoundError as error:
            raise HTTPException(404, str(error)) from error
        except GoodfitError as error:
            raise HTTPException(503, str(error)) from error

    def _read(self, ask: Callable[[Ledger], Any]) -> Any:
        with Ledger(self.out, readonly=True) as ledger:
            return ask(ledger)

    async def home(self, request: Request) -> Response:
        return HTMLResponse(pages.home(self._token(), str(self.out)))

    async def run_page(self, request: Request) -> Response:
        entry = await self.read(lambda ledger: ledger.get(request.path_params["run"]))
        return HTMLResponse(pages.run(self._token(), entry.id, entry.name))

    async def compare_page(self, request: Request) -> Response:
        return HTMLResponse(pages.compare(self._token()))

    async def report(self, request: Request) -> Response:
        entry = await self.read(lambda ledger: ledger.get(request.path_params["run"]))
        path = (entry.directory / "report.html").resolve()
        if not (path.is_relative_to(self.out.resolve()) and path.is_file()):
            raise HTTPException(404, "This run has written no report.")
        return FileResponse(path, headers={"content-security-policy": REPORT_POLICY})

    async def runs(self, request: Request) -> Response:
        empty = not (self.out / FILE).exists()
        return _json({"runs": [] if empty else await self.read(store.summaries)})

    async def run(self, request: Request) -> Response:
        name, width = request.path_params["run"], _width(request)
        return _json(await self.read(lambda ledger: store.run(ledger, name, width)))

    async def compared(self, request: Request) -> Response:
        names, width = request.query_params.getlist("run"), _width(request)
        if len(names) != 2:
            raise HTTPException(400, "Name two runs.")
        return _json(await self.read(lambda ledger: store.compared(ledger, (names[0], names[1]), width)))

    async def events(self, request: Request) -> Response:
        entry = await self.read(lambda ledger: ledger.get(request.path_params["run"]))
        last = request.headers.get("last-event-id") or request.query_params.get("after")
        stream = self._told(entry.id, Cursor.parsed(last))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def _told(self, run: str, cursor: Cursor) -> AsyncIterator[str]:
        """Every row after the cursor, once and in order; a line of comment where nothing happens for long."""
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        status, said = None, time.monotonic()
        while True:
            try:
                change: Change | None = await self.read(partial(since, run=run, cursor=cursor))
            except HTTPException:  # the ledger is away, or locked for long: the browser asks again, and goes on
                return
            if change is None:
                return
            if change.cursor != cursor or change.status != status:
                cursor, status, said = change.cursor, change.status, time.monotonic()
                yield event(change)
            elif time.monotonic() - said > HEARTBEAT_SECONDS:
                said = time.monotonic()
                yield ": nothing new\n\n"
            if change.whole:
                await asyncio.sleep(POLL_SECONDS)

    async def stop(self, request: Request) -> Response:
        given = request.headers.get(TOKEN, "")
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            raise HTTPException(403, "The token is not that of this server. Load the page again.")
        entry = await self.read(lambda ledger: ledger.get(request.path_params["run"]))
        if standing(entry.status, entry.host, entry.pid) != "running":
            raise HTTPException(409, "The run is over.")
        await run_in_threadpool(self._stop, entry.id)
        return _json({"run": entry.id, "asked": True})

    def _stop(self, run: str) -> None:
        with Ledger(self.out) as ledger:
            ledger.note(run, "stop", "from the live page")

    def _token(self) -> str:
        return self.token if self.shown else ""


def event(change: Change) -> str:
    """One server-sent event; its id is where the next connection goes on."""
    said = {key: getattr(change, key) for key in ("status", "outcome", "measurements", "notes")}
    return f"id: {change.cursor}\ndata: {_text(said)}\n\n"


def build(site: Site, names: Iterable[str] = LOOPBACK, *, addresses: bool = False) -> Starlette:
    """The application; ``names`` are those under which it answers, ``addresses`` allows any number."""
    routes = [
        Route("/", site.home),
        Route("/runs/{run}", site.run_page),
        Route("/runs/{run}/report", site.report),
        Route("/compare", site.compare_page),
        Route("/api/runs", site.runs),
        Route("/api/runs/{run}", site.run),
        Route("/api/runs/{run}/events", site.events),
        Route("/api/runs/{run}/stop", site.stop, methods=["POST"]),
        Route("/api/compare", site.compared),
        Route("/static/colours.css", _colours),
        Route("/static/report.css", lambda request: FileResponse(pages.REPORT_STYLE)),
        Mount("/static", StaticFiles(directory=pages.STATIC)),
    ]
    guard = Middleware(Guard, names=tuple(names), addresses=addresses)
    return Starlette(routes=routes, middleware=[guard], exception_handlers={HTTPException: _problem})


async def _colours(request: Request) -> Response:
    return Response(pages.colours(), media_type="text/css")


async def _problem(request: Request, error: Exception) -> Response:
    """The sentence: as JSON to a script, as a page to a person."""
    status, said = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    if request.url.path.startswith(("/api/", "/static/")):
        return JSONResponse({"error": said}, status)
    return HTMLResponse(pages.problem(said), status)


def _width(request: Request) -> int:
    """Points across, as the page asks for them, within bounds."""
    text = request.query_params.get("width", "")
    least, most = WIDTHS
    return min(most, max(least, int(text))) if text.isascii() and text.isdigit() and len(text) < 9 else 800


def _json(value: Any) -> Response:
    return Response(_text(value), media_type="application/json", headers={"cache-control": "no-store"})


def _text(value: Any) -> str:
    """Strict JSON in ASCII, on one line."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
