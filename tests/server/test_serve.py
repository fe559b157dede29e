import asyncio
import json
import signal
import socket
import threading
from urllib.parse import urlsplit

import httpx2
import pytest

from mnistry.errors import ResourceError, UsageError
from mnistry.server import serve as server_loop
from mnistry.server.app import create
from mnistry.server.guard import Access
from mnistry.server.in_process import InProcess
from tests.serving import serve


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: 127."])
def test_case_82_a_request_whose_headers_never_end_is_cut_off(
    head: bytes, served: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_loop.TimeLimitedProtocol, "HEAD_SECONDS", 0.2)
    with connect(str(served.base_url)) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b""


def test_case_82_sending_a_byte_at_a_time_does_not_extend_the_limit(
    served: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_loop.TimeLimitedProtocol, "HEAD_SECONDS", 0.3)
    with connect(str(served.base_url)) as connection:
        connection.settimeout(0.05)
        closed = False
        for _ in range(200):
            try:
                connection.sendall(b"G")
                closed = connection.recv(100) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
            break
    assert closed


def test_case_82_an_answer_that_is_never_read_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_loop.TimeLimitedProtocol, "WRITE_SECONDS", 0.2)
    ended = threading.Event()

    async def endless(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        await send({"type": "http.response.body"})
        ended.set()

    with serve(endless) as address, connect(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert ended.wait(10)  # without anybody having read a byte


def test_a_request_under_way_is_not_cut_off_by_the_limit_on_its_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_loop.TimeLimitedProtocol, "HEAD_SECONDS", 0.1)

    async def slow(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            return
        await asyncio.sleep(0.4)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    with serve(slow) as address, httpx2.Client(base_url=address) as client:
        assert [client.get("/").status_code for _ in range(2)] == [204, 204]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", "without encryption"),
        (b"GET / HTTP/1.1", "Host"),
        (b"GET /?token=\xc3\xa9 HTTP/1.1\r\nHost: 127.0.0.1", "an address in ASCII"),
        (
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip",
            "Content-Length or chunked",
        ),
    ],
)
def test_what_is_not_http_is_refused_in_words_and_nothing_is_logged(
    sent: bytes, expected: str, served: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(str(served.base_url)) as connection:
        connection.sendall(sent + b"\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error["what"] and error["remedy"]
    assert expected in error["expected"]
    assert not caplog.records


def test_ctrl_c_at_the_moment_the_address_is_printed_ends_the_server_in_order(
    work: InProcess,
) -> None:
    ended = []

    async def on_shutdown() -> None:
        ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        server_loop.serve(
            create(work),
            Access(),
            0,
            on_ready=lambda _: signal.raise_signal(signal.SIGINT),
            on_shutdown=on_shutdown,
        )
    assert ended


def test_a_port_in_use_is_an_error(work: InProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ResourceError, match=f"127.0.0.1:{port}: another program") as caught:
            server_loop.serve(create(work), Access(), port, on_ready=print)
    assert caught.value.exit_code == 7


@pytest.mark.parametrize(("host", "port"), [("203.0.113.1", 0), ("127.0.0.1", 70_000)])
def test_an_address_of_another_machine_or_an_invalid_port_is_an_error(
    work: InProcess, host: str, port: int
) -> None:
    with pytest.raises(UsageError, match=host):
        server_loop.serve(create(work), Access(host), port, on_ready=print)


def test_nagles_algorithm_is_off_for_connections() -> None:
    async def plain(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            return
        transport = receive.__self__.transport
        option = transport.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )
        await send({"type": "http.response.start", "status": 200 if option else 500})
        await send({"type": "http.response.body"})

    with serve(plain) as address:
        assert httpx2.get(address).status_code == 200


@pytest.mark.parametrize(
    ("host", "token", "address"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:80/"),
        ("::1", None, "http://[::1]:80/"),
        ("192.168.0.7", "t", "http://192.168.0.7:80/?token=t"),
        ("127.0.0.1", "a+b/c&d#e", "http://127.0.0.1:80/?token=a%2Bb%2Fc%26d%23e"),
    ],
)
def test_the_printed_address_has_brackets_for_ipv6_and_the_token(host, token, address) -> None:
    assert server_loop.url(Access(host, token), 80) == address


def test_a_proxy_that_is_no_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not an address") as caught:
        server_loop.config(lambda *_: None, proxies=["10.0.0.1", "proxy.example"])
    assert "--proxy 10.0.0.2" in (caught.value.remedy or "")
