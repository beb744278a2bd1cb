"""Serving the pages: on this machine alone unless a person says otherwise."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goodfit.core.errors import SettingsError
from goodfit.live.guard import LOOPBACK, is_address, is_loopback

PORT = 8421
CHILD = "from goodfit.live.server import child; child()"
GRACE_SECONDS = 600.0
"""How long the page of a run stays whose process was killed."""
ANY = ("0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True)
class Address:
    """Where the pages are served. ``public``: whoever reaches the machine may read them."""

    host: str = "127.0.0.1"
    port: int | None = None
    public: bool = False

    def __post_init__(self) -> None:
        if not (self.public or is_loopback(self.host)):
            problem = f"--host {self.host} lets other machines read the runs, and there is no password"
            raise SettingsError(problem, "Say --public if that is meant; ssh -L reaches a remote machine without it.")

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which requests are answered."""
        return (*LOOPBACK, self.host.lower(), *((socket.gethostname().lower(),) if self.public else ()))


def listening(address: Address) -> socket.socket:
    """A socket at the address: at the port that was named, else at `PORT` or, where that is taken, at a free one."""
    for port in (PORT, 0) if address.port is None else (address.port,):
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((address.host, port))
        except OSError as error:
            found.close()
            problem = f"The pages cannot be served at {address.host} port {port}: {error.strerror or error}"
            refusal = SettingsError(problem, "Choose another with --port or --host.")
        else:
            found.listen(128)
            return found
    raise refusal


def url(address: Address, port: int, token: str = "") -> str:
    """What to open in a browser; the token stands behind the #, which no request carries."""
    host = "127.0.0.1" if address.host in ANY else address.host
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"#token={token}" if token else "")


def serve(out: Path, address: Address, sock: socket.socket, token: str) -> None:
    """Answer until the process is ended. Pages hold the token unless they are public."""
    import uvicorn

    from goodfit.live.app import Site, build

    anyhow = address.public and (address.host in ANY or is_address(address.host))
    app = build(Site(out, token, shown=not address.public), address.names, addresses=anyhow)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=1, lifespan="off"
    )
    uvicorn.Server(config).run(sockets=[sock])


def new_token() -> str:
    return secrets.token_urlsafe(18)


@contextmanager
def beside(out: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The pages served by a process of their own, so that a training is not slowed; its address and the process."""
    with listening(Address()) as sock:
        port = sock.getsockname()[1]
    command = [sys.executable, "-c", CHILD, str(out), str(port)]
    # A session of its own: Ctrl-C is for the run. The pipe closes when this process ends, however it does.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    try:
        yield url(Address(), port), process
    finally:
        process.terminate()
        process.communicate()


def child() -> None:
    """What `beside` starts: it outlives a run that is killed by `GRACE_SECONDS`."""
    out, port = sys.argv[1:]
    address = Address(port=int(port))
    threading.Thread(target=_end_after_parent, daemon=True).start()
    serve(Path(out), address, listening(address), new_token())


def _end_after_parent() -> None:
    sys.stdin.buffer.read()
    time.sleep(GRACE_SECONDS)
    signal.raise_signal(signal.SIGTERM)
