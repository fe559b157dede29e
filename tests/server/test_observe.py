import json

import pytest
from starlette.testclient import TestClient

from mnistry.server.app import create
from mnistry.server.guard import Access
from mnistry.server.in_process import InProcess
from mnistry.server.observe import Observer

TOKEN = {"Authorization": "Bearer secret-token"}


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def remote(work: InProcess, lines: list[str]) -> TestClient:
    """A server with a token and an access log, behind a proxy at /digits."""
    access = Access("0.0.0.0", "secret-token", root_path="/digits")  # noqa: S104
    return TestClient(create(work, access, lines.append), base_url="http://10.0.0.1:8000")


def test_requests_are_counted_by_path_and_status(remote: TestClient, drawing: bytes) -> None:
    for _ in range(3):
        remote.post("/api/read", content=drawing, headers=TOKEN)
    remote.post("/digits/api/read", content=drawing)
    remote.get("/no-such%0A", headers=TOKEN)
    response = remote.get("/metrics", headers=TOKEN)
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = response.text.splitlines()
    assert 'mnistry_requests_total{path="/api/read",status="200"} 3' in text
    assert 'mnistry_requests_total{path="/api/read",status="401"} 1' in text
    assert 'mnistry_requests_total{path="other",status="404"} 1' in text
    assert "mnistry_workers_ready 1" in text
    start = 'mnistry_request_seconds_bucket{path="/api/read"'
    buckets = [line for line in text if line.startswith(start)]
    counts = [int(line.rpartition(" ")[2]) for line in buckets]
    assert counts == sorted(counts)
    assert (len(counts), counts[-1]) == (13, 4)  # 12 bounds and +Inf; 3 requests read, 1 refused
    assert 'le="+Inf"' in buckets[-1]
    assert 'mnistry_request_seconds_count{path="/api/read"} 4' in text
    for line in text:
        name, _, kind = line.removeprefix("# TYPE ").partition(" ")
        assert kind not in ("counter", "gauge", "histogram") or any(
            other.startswith(f"# HELP {name} ") for other in text
        )


def test_millions_of_requests_are_counted_one_by_one() -> None:
    observer = Observer(frozenset(), None)
    # All seconds together, then the requests of each of 13 buckets.
    observer._times["/api/read"] = [0.5, 1_234_567.0, *[0.0] * 12]
    text = observer.metrics({}, {"mnistry_worker_restarts_total": 1_234_567})
    assert 'mnistry_request_seconds_count{path="/api/read"} 1234567\n' in text
    assert "mnistry_worker_restarts_total 1234567\n" in text


def test_fault_128_the_log_has_a_line_for_each_request_without_token_or_values(
    remote: TestClient, lines: list[str], drawing: bytes
) -> None:
    remote.get("/digits/?token=secret-token", follow_redirects=False)
    remote.post("/digits/api/read?fields=text", content=drawing, headers=TOKEN)
    first, second = map(json.loads, lines)
    assert (first["path"], first["status"]) == ("/", 303)
    assert (second["method"], second["path"], second["status"]) == ("POST", "/api/read", 200)
    assert (second["received"], second["sent"]) == (len(drawing), len('{"text":"4"}'))
    assert "secret" not in "".join(lines)
    assert "text" not in "".join(lines)
