import contextlib
import errno
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time

import pytest

from mnistry.errors import CacheError, DownloadError, ResourceError
from mnistry.system import downloads

BODY = bytes(range(256)) * 2000  # 512,000 bytes: several pieces
SHA256 = hashlib.sha256(BODY).hexdigest()
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class Server(http.server.ThreadingHTTPServer):
    """Answers each path as a test says, on the loopback interface."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {}
        self.asked = []
        self.ended = threading.Event()

    def url(self, path="/file"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        """Say nothing: clients that go away are what is tested."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.answers[self.path](self)

    def log_message(self, *args):
        pass


def answer(body=BODY, status=200, length=None, **headers):
    """Make an answer; with a `length` of its own the connection is closed after the body."""

    def send(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return send


def half_then_wait(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY[: len(BODY) // 2])
    handler.wfile.flush()
    handler.server.ended.wait(20)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path):
    """A file in a cache folder, with an older copy in it."""
    path = tmp_path / "datasets" / "file.bin"
    path.parent.mkdir()
    path.write_bytes(b"older copy")
    return path


def fetch(origins, path, **options):
    options = {"sha256": SHA256, "max_bytes": 1_000_000, "timeout": (5, 5)} | options
    downloads.download(origins, path=path, **options)


def assert_refused(origins, path, *reasons, **options):
    with pytest.raises(DownloadError) as caught:
        fetch(origins, path, **options)
    message = str(caught.value)
    for reason in reasons:
        assert reason in message
    assert "HTTPS_PROXY" in message
    assert "\n" not in message
    assert caught.value.exit_code == 4
    assert path.read_bytes() == b"older copy"
    assert_clean(path)


def assert_clean(path):
    assert {p.name for p in path.parent.iterdir()} <= {path.name, f".{path.name}.lock"}


def test_right_file_replaces_the_older_and_progress_reaches_the_end(server, path):
    server.answers["/file"] = answer()
    calls = []
    fetch([server.url()], path, progress=lambda done, total: calls.append((done, total)))
    assert path.read_bytes() == BODY
    assert calls[-1] == (len(BODY), len(BODY))
    assert len(calls) > 2
    assert_clean(path)


def test_right_file_is_not_fetched_again(server, path):
    path.write_bytes(BODY)
    fetch([server.url()], path)
    assert server.asked == []


def test_missing_folder_is_made(server, tmp_path):
    server.answers["/file"] = answer()
    fetch([server.url()], tmp_path / "a" / "b" / "file.bin")
    assert (tmp_path / "a" / "b" / "file.bin").read_bytes() == BODY


def test_second_origin_is_asked_when_the_first_fails(server, path):
    server.answers |= {"/first": answer(PAGE), "/second": answer()}
    fetch([server.url("/first"), server.url("/second")], path)
    assert server.asked == ["/first", "/second"]
    assert path.read_bytes() == BODY


def test_file_labelled_as_encoded_is_kept_as_stored(server, path):
    import gzip

    packed = gzip.compress(BODY)
    server.answers["/file"] = answer(packed, Content_Encoding="gzip")
    fetch([server.url()], path, sha256=hashlib.sha256(packed).hexdigest())
    assert path.read_bytes() == packed


def test_right_file_called_html_is_kept(server, path):
    server.answers["/file"] = answer(Content_Type="text/html")
    fetch([server.url()], path)
    assert path.read_bytes() == BODY


def test_fault_01_body_cut_short(server, path):
    server.answers |= {
        "/early": answer(BODY[:10], length=len(BODY)),
        "/late": answer(BODY[:-10], length=len(BODY)),
    }
    for origin in (server.url("/early"), server.url("/late")):
        assert_refused([origin], path, "cut short: fewer than 512,000 bytes")


def test_fault_02_wrong_sha256(server, path):
    server.answers["/file"] = answer(b"something else")
    got = hashlib.sha256(b"something else").hexdigest()
    assert_refused(
        [server.url()], path, f"SHA-256 is {got}", f"expected {SHA256}; it was not kept", "damaged"
    )


def test_fault_03_web_page_with_status_200(server, path):
    server.answers["/file"] = answer(PAGE)
    assert_refused([server.url()], path, "the server sent a web page")


def test_fault_04_status_of_every_origin_is_named(server, path):
    server.answers |= {"/a": answer(PAGE, 403), "/b": answer(PAGE, 404)}
    origins = [server.url("/a"), server.url("/b")]
    assert_refused(
        origins,
        path,
        f"{origins[0]} (HTTP status 403 Forbidden)",
        f"{origins[1]} (HTTP status 404 Not Found)",
    )


def test_fault_05_stall_in_the_middle(server, path):
    server.answers["/file"] = half_then_wait
    start = time.perf_counter()
    reason = "stalled: no more data within 0.3 s"
    assert_refused([server.url()], path, reason, timeout=(5, 0.3))
    assert time.perf_counter() - start < 3


def test_fault_05_no_answer_at_all(server, path):
    server.answers["/file"] = lambda handler: handler.server.ended.wait(20)
    start = time.perf_counter()
    assert_refused([server.url()], path, "no answer within 0.3 s", timeout=(5, 0.3))
    assert time.perf_counter() - start < 3


def test_offline_is_found_out_at_once(server, path):
    server.server_close()  # a port that nobody listens on
    start = time.perf_counter()
    assert_refused([server.url()], path, "no connection: offline?")
    assert time.perf_counter() - start < 3


def test_dead_proxy_is_named(server, path, monkeypatch):
    server.server_close()
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, server.url(""))
    assert_refused(["http://example.invalid/file"], path, "the proxy does not answer")


def test_fault_07_file_where_the_folder_should_be(server, tmp_path):
    (tmp_path / "datasets").write_text("in the way")
    with pytest.raises(CacheError, match="MNISTRY_HOME") as caught:
        fetch([server.url()], tmp_path / "datasets" / "file.bin")
    assert str(tmp_path / "datasets") in str(caught.value)
    assert (tmp_path / "datasets").read_text() == "in the way"
    assert server.asked == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions for folders")
def test_fault_07_read_only_folder(server, path):
    # Imported first: the user that root becomes below might not be able to read the package.
    import filelock  # noqa: F401

    with unprivileged(path.parent), pytest.raises(CacheError, match="set MNISTRY_HOME"):
        fetch([server.url()], path)
    assert path.read_bytes() == b"older copy"
    assert server.asked == []


@contextlib.contextmanager
def unprivileged(folder):
    """Make a folder read-only, and give up root's rights, which ignore that."""
    folder.chmod(0o500)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


def test_full_disk_is_no_download_error(path):
    with pytest.raises(ResourceError, match="the disk is full"), downloads._folder_errors(path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_fault_08_two_processes_at_once(server, path):
    def slowly(handler):
        time.sleep(0.5)
        answer()(handler)

    server.answers["/file"] = slowly
    first, second = start_process(server, path), start_process(server, path)
    assert (first.wait(30), second.wait(30)) == (0, 0)
    assert server.asked == ["/file"]
    assert path.read_bytes() == BODY
    assert_clean(path)


def test_fault_09_killed_in_the_middle(server, path):
    server.answers["/file"] = half_then_wait
    process = start_process(server, path)
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size for p in path.parent.glob(".file.bin.*.tmp")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait(30)
    assert path.read_bytes() == b"older copy"
    assert list(path.parent.glob(".file.bin.*.tmp")), "nothing was left to clean up"

    server.answers["/file"] = answer()
    fetch([server.url()], path)
    assert path.read_bytes() == BODY
    assert_clean(path)


def start_process(server, path):
    program = (
        "import pathlib, sys; from mnistry.system.downloads import download; "
        "download([sys.argv[1]], path=pathlib.Path(sys.argv[2]), sha256=sys.argv[3], "
        "max_bytes=10**6, timeout=(20, 20))"
    )
    return subprocess.Popen([sys.executable, "-c", program, server.url(), path, SHA256])


def test_fault_10_stream_larger_than_the_cap(server, path):
    def long(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(300):
            handler.wfile.write(bytes(100_000))

    server.answers["/file"] = long
    assert_refused([server.url()], path, "larger than the 1,000,000 bytes that are allowed")


def test_interrupted_download_leaves_nothing(server, path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    server.answers["/file"] = answer()
    with pytest.raises(KeyboardInterrupt):
        fetch([server.url()], path, progress=interrupt)
    assert path.read_bytes() == b"older copy"
    assert_clean(path)
