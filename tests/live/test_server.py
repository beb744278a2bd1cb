"""Where the pages are served, and what is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from goodfit.cli import app
from goodfit.core.errors import SettingsError
from goodfit.ledger import Ledger
from goodfit.live.server import Address, beside, listening, url
from tests.live.made import finished
from tests.live.test_tail import process, serving

IMPORTED = """
import json, sys, threading
from goodfit.cli import main, serve
from goodfit.live import server
def answer(out, address, sock, token):
    from starlette.testclient import TestClient
    from goodfit.live.app import Site, build
    client = TestClient(build(Site(out, token)), base_url="http://localhost")
    assert [client.get(path).status_code for path in ("/", "/runs/latest", "/api/runs/latest")] == [200, 200, 200]
server.serve = answer
try:
    main()
except SystemExit as end:
    print(json.dumps([end.code, sorted({"torch", "scipy", "sklearn", "polars"} & set(sys.modules))]))
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_other_machines_are_let_in_only_if_that_is_said(host: str) -> None:
    with pytest.raises(SettingsError, match=r"lets other machines read the runs.*--public"):
        Address(host)
    assert Address(host, public=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_needs_no_word(host: str) -> None:
    assert host in Address(host).names


def test_a_port_that_is_taken() -> None:
    with listening(Address(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"cannot be served at 127\.0\.0\.1 port {port}.*--port"):
            listening(Address(port=port))
        with listening(Address()) as one, listening(Address()) as other:
            assert one.getsockname() != other.getsockname()
    with pytest.raises(SettingsError, match="cannot be served"):
        listening(Address("no such host.invalid", public=True))


def test_the_address_that_is_printed() -> None:
    assert url(Address(), 8421) == "http://127.0.0.1:8421/"
    assert url(Address("::1"), 1) == "http://[::1]:1/"
    assert url(Address("0.0.0.0", public=True), 1, "abc") == "http://127.0.0.1:1/#token=abc"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, problem in (("nothing", "There is no such folder"), ("file", "This is no folder")):
        found = CliRunner().invoke(app, ["serve", str(tmp_path / name)])
        assert found.exit_code == 2
        assert problem in found.stderr
    found = CliRunner().invoke(app, ["serve", str(tmp_path), "--host", "0.0.0.0"])
    assert found.exit_code == 2
    assert "--public" in found.stderr


@pytest.mark.parametrize("arguments", [["serve", "--help"], ["serve", "."]])
def test_serving_does_not_wait_for_torch(tmp_path: Path, arguments: list[str]) -> None:
    finished(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []], done.stderr


def test_a_page_beside_a_run_ends_with_it(tmp_path: Path) -> None:
    run = finished(tmp_path)
    with beside(tmp_path) as (place, server):
        found = None
        while found is None:
            try:
                with urllib.request.urlopen(f"{place}api/runs", timeout=20) as answer:
                    found = json.load(answer)
            except OSError:
                assert server.poll() is None
    assert [each["id"] for each in found["runs"]] == [run]
    assert server.poll() is not None


PARENT = """
import sys, time
from pathlib import Path
from goodfit.live import server
server.CHILD = "from goodfit.live import server; server.GRACE_SECONDS = 0.2; server.child()"
with server.beside(Path(sys.argv[1])) as (place, process):
    print(process.pid, flush=True)
    time.sleep(60)
"""


def test_the_page_of_a_killed_run_ends_after_a_while(tmp_path: Path) -> None:
    with process(PARENT, tmp_path) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        gone, _ = psutil.wait_procs([child], timeout=30)
    assert gone == [child]


def test_run_live_prints_where_the_page_is(tmp_path: Path) -> None:
    """And stops where the person does; the run goes on without a page as well."""
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from goodfit.cli import main; main()", "demo", "table", "--live", "--no-diagnose"]
    settings = ["--out", str(out), "--set", "training.epochs=1", "--set", "threads=1"]
    done = subprocess.run(
        [*command, *settings], capture_output=True, text=True, check=True, env={**os.environ, "CI": "1"}
    )
    assert done.stderr.startswith("live at http://127.0.0.1:")
    port = int(done.stderr.splitlines()[0].rstrip("/").rpartition(":")[2])
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0
    with Ledger(out, readonly=True) as ledger:
        assert ledger.get("latest").status == "done"


def test_the_same_port_can_be_served_again_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, listening_port()) as address:
        port = int(address.rpartition(":")[2])
        urllib.request.urlopen(address, timeout=20).close()
    with serving(tmp_path, port) as again:
        assert again == address


def listening_port() -> int:
    with listening(Address(port=0)) as sock:
        return int(sock.getsockname()[1])
