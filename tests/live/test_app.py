"""The pages and their answers: who may ask, what may run in a page, and who may stop a run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from goodfit.guide.tree import CAUSES_AT, TREE
from goodfit.ledger import FILE, Ledger
from goodfit.live.app import TOKEN, Site, build
from goodfit.live.guard import POLICY, is_loopback, is_ours
from tests.live.made import HOSTILE, LONG, finished, started

SECRET = "the-token"


def client(out: Path, **options: Any) -> TestClient:
    return TestClient(build(Site(out, SECRET, **options)), base_url="http://127.0.0.1:8421")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8421", "127.0.0.1", "[::1]:9", "127.0.0.1:1", "localhost."])
def test_this_machine_is_known_by_its_names(host: str, tmp_path: Path) -> None:
    assert client(tmp_path).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8421", "", "10.0.0.7"]
)
def test_another_name_is_refused(host: str, tmp_path: Path) -> None:
    run = started(tmp_path)
    for path in ("/", "/api/runs", "/static/live.css", f"/api/runs/{run}/events"):
        answer = client(tmp_path).get(path, headers={"host": host})
        assert answer.status_code == 421
        assert run not in answer.text
    assert client(tmp_path).post(f"/api/runs/{run}/stop", headers={"host": host, TOKEN: SECRET}).status_code == 421


def test_numbers_are_no_names_and_so_cannot_be_rebound() -> None:
    assert is_ours("10.0.0.7:80", (), addresses=True)
    assert is_ours("[fe80::1]:80", (), addresses=True)
    assert not is_ours("evil.example", (), addresses=True)
    assert [is_loopback(each) for each in ("127.0.0.2", "::1", "localhost", "0.0.0.0", "::", "example.org")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_every_answer_says_what_a_page_may_do(tmp_path: Path) -> None:
    run = finished(tmp_path)
    for path in ("/", f"/runs/{run}", "/compare", "/api/runs", "/static/run.js", "/static/report.css", "/nowhere"):
        headers = client(tmp_path).get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY


def test_pages_hold_no_script_and_no_style_of_their_own(tmp_path: Path) -> None:
    run = finished(tmp_path, HOSTILE)
    for path in ("/", f"/runs/{run}", "/compare", "/runs/nothing"):
        page = client(tmp_path).get(path).text
        tags = " ".join(re.findall("<[^>]*>", page))
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", tags)
        assert re.findall(r"<script[^>]*>([^<]*)</script>", page) in ([""], [])
        assert not re.search(r"""(src|href)="(?!/|#)""", page)
        assert "<img" not in page


def test_all_that_a_page_asks_for_is_there(tmp_path: Path) -> None:
    run = finished(tmp_path)
    for path in ("/", f"/runs/{run}", "/compare"):
        page = client(tmp_path).get(path).text
        for link in re.findall(r'(?:src|href)="(/[^"#]*)"', page):
            assert client(tmp_path).get(link).status_code == 200
    for script in (Path(__file__).parents[2] / "src/goodfit/live/static").glob("*.js"):
        for name in re.findall(r'from "\./(\w+\.js)"', script.read_text()):
            assert client(tmp_path).get(f"/static/{name}").headers["content-type"].startswith("text/javascript")


def test_the_guide_is_on_the_page_whole(tmp_path: Path) -> None:
    page = client(tmp_path).get(f"/runs/{finished(tmp_path)}").text
    assert re.findall(r'data-question="([^"]+)"', page) == [each.name for each in TREE]
    assert set(re.findall(r'data-cause="([^"]+)"', page)) == {each for causes in CAUSES_AT.values() for each in causes}


def test_the_list_of_runs(tmp_path: Path) -> None:
    assert client(tmp_path).get("/api/runs").json() == {"runs": []}
    first, second = finished(tmp_path, HOSTILE), started(tmp_path, LONG)
    found = {each["id"]: each for each in client(tmp_path).get("/api/runs").json()["runs"]}
    assert set(found) == {first, second}
    assert found[first]["name"] == HOSTILE
    assert (found[first]["status"], found[second]["status"]) == ("done", "running")
    assert found[first]["score"]["value"] == 0.875
    assert found[first]["cause"] == "learning_rate_too_low"
    assert found[first]["spark"] == sorted(found[first]["spark"], reverse=True)


def test_one_run(tmp_path: Path) -> None:
    run = finished(tmp_path, settings={"seed": 3, "training": {"rate": 0.1, "clip": None}})
    found = client(tmp_path).get(f"/api/runs/{run}").json()
    assert found["settings"] == {"seed": 3, "training.rate": 0.1}
    assert found["result"]["verdict"]["cause"] == "learning_rate_too_low"
    assert [each["quantity"] for each in found["curves"]] == ["train_loss", "validation_loss"]
    assert found["notes"][1][2:] == ["stage", "training"]
    assert found["report"] is True
    assert client(tmp_path).get("/api/runs/latest").json()["id"] == run


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    run = started(tmp_path)
    for path in ("/api/runs/nothing", "/api/runs/nothing/events", f"/api/compare?run={run}&run=nothing"):
        answer = client(tmp_path).get(path)
        assert answer.status_code == 404
        assert "There is no run 'nothing'" in answer.json()["error"]
    assert "There is no run" in client(tmp_path).get("/runs/nothing").text
    assert client(tmp_path).get(f"/runs/{run}/report").status_code == 404
    assert client(tmp_path).get(f"/api/compare?run={run}").status_code == 400
    (tmp_path / FILE).write_bytes(b"no ledger at all, but long enough to look like one" * 20)
    assert client(tmp_path).get("/api/runs").status_code == 503


def test_two_runs_and_what_differs(tmp_path: Path) -> None:
    one = finished(tmp_path, settings={"seed": 0, "training": {"rate": 0.1}, "kind": "a"})
    other = finished(tmp_path, settings={"seed": 1, "training": {"rate": 0.1, "clip": 1.0}, "kind": "a"})
    found = client(tmp_path).get("/api/compare", params={"run": [one, other]}).json()
    assert [each["id"] for each in found["runs"]] == [one, other]
    assert found["differences"] == [{"key": "seed", "values": [0, 1]}, {"key": "training.clip", "values": [None, 1.0]}]


def test_a_run_is_stopped_by_who_holds_the_token(tmp_path: Path) -> None:
    run, over = started(tmp_path), finished(tmp_path)
    ask = client(tmp_path)
    assert ask.get(f"/api/runs/{run}/stop", headers={TOKEN: SECRET}).status_code == 405
    for headers in ({}, {TOKEN: ""}, {TOKEN: "wrong"}, {TOKEN: "é".encode()}):
        assert ask.post(f"/api/runs/{run}/stop", headers=headers).status_code == 403
    assert ask.post(f"/api/runs/{over}/stop", headers={TOKEN: SECRET}).status_code == 409
    with Ledger(tmp_path, readonly=True) as ledger:
        assert ledger.notes(run, "stop") == []
        assert ask.post(f"/api/runs/{run}/stop", headers={TOKEN: SECRET}).json() == {"run": run, "asked": True}
        assert ledger.notes(run, "stop") == ["from the live page"]


def test_public_pages_do_not_hold_the_token(tmp_path: Path) -> None:
    assert SECRET in client(tmp_path).get("/").text
    assert SECRET not in client(tmp_path, shown=False).get("/").text


def test_a_report_is_a_page_of_its_own(tmp_path: Path) -> None:
    run = finished(tmp_path)
    answer = client(tmp_path).get(f"/runs/{run}/report")
    assert "The report" in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "allow-same-origin" not in answer.headers["content-security-policy"]


def test_a_folder_elsewhere_is_not_read(tmp_path: Path) -> None:
    """What a ledger from elsewhere says of its folders leads nowhere outside."""
    import sqlite3

    out, outside = tmp_path / "out", tmp_path / "report.html"
    outside.write_text("secret")
    run = finished(out)
    connection = sqlite3.connect(out / FILE)
    connection.execute("DROP TRIGGER no_update_of_starts")
    connection.execute("UPDATE starts SET directory = '..'")
    connection.commit()
    connection.close()
    assert client(out).get(f"/runs/{run}/report").status_code == 404


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"])
def test_static_files_are_those_of_the_folder(tmp_path: Path, path: str) -> None:
    assert client(tmp_path).get(path).status_code == 404


def test_answers_are_strict_json(tmp_path: Path) -> None:
    from goodfit.core.run import Measurement

    run = started(tmp_path, points=0)
    with Ledger(tmp_path) as ledger:
        values = (1.0, float("nan"), float("inf"), -float("inf"))
        ledger.measure(run, [Measurement("train_loss", step, value) for step, value in enumerate(values)])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = client(tmp_path).get(f"/api/runs/{run}").text
    found = json.loads(text, parse_constant=refuse)
    assert found["curves"][0]["points"] == [[0, 1.0], [1, None], [2, None], [3, None]]
