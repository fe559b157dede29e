import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from mnistry.errors import UsageError
from mnistry.server.app import create
from mnistry.server.guard import Access
from mnistry.server.in_process import InProcess
from tests.serving import serve


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8000", "", "a@127.0.0.1", "[::1"]
)
def test_case_85_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    response = client.get("/openapi.json", headers={"Host": host})
    assert response.status_code == 400
    assert response.json()["error"]["where"] == "Host"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:9000", "LOCALHOST"])
def test_every_name_of_loopback_is_accepted(client: TestClient, host: str) -> None:
    assert client.get("/openapi.json", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9", "https://127.0.0.1:8000"]
)
@pytest.mark.parametrize("path", ["/api/read", "/"])
def test_case_85_a_foreign_origin_is_refused(client: TestClient, origin: str, path: str) -> None:
    response = client.post(path, headers={"Origin": origin})
    assert response.status_code == 403
    assert response.json()["error"]["where"] == "Origin"


def test_the_servers_own_page_may_send_requests(client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert client.get("/openapi.json", headers=headers).status_code == 200


def test_another_sites_page_cannot_load_our_answers_but_may_link_to_us(
    client: TestClient,
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/openapi.json", headers=headers).status_code == 403
    assert client.get("/", headers=headers).status_code != 403


@pytest.mark.parametrize("path", ["/openapi.json", "/api/no-such", "/else", "/api/read"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


@pytest.fixture
def remote(work: InProcess) -> TestClient:
    """A server that others can reach, asked from another machine."""
    app = create(work, Access("0.0.0.0", "secret-token"))  # noqa: S104
    return TestClient(app, base_url="http://192.168.0.7:8000")


def test_beyond_loopback_nothing_is_answered_without_the_token(remote: TestClient) -> None:
    for path in ("/", "/openapi.json", "/else", "/openapi.json?token=secret-token"):
        assert remote.get(path).status_code == 401
    wrong = {"Authorization": "Bearer secret-tokem"}
    assert remote.get("/openapi.json", headers=wrong).status_code == 401
    assert remote.get("/?token=secret-tokem").status_code == 401


def test_a_program_sends_the_token_in_a_header(remote: TestClient) -> None:
    headers = {"Authorization": "Bearer secret-token"}
    assert remote.get("/openapi.json", headers=headers).status_code == 200


def test_the_printed_address_sets_a_cookie_and_redirects_without_the_token(
    remote: TestClient,
) -> None:
    first = remote.get("/?token=secret-token", follow_redirects=False)
    assert (first.status_code, first.headers["Location"]) == (303, "/")
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert remote.get("/openapi.json").status_code == 200


def test_the_token_is_found_among_other_programs_cookies(remote: TestClient) -> None:
    # Browsers send one host's cookies to all of its ports. Names with spaces, and values such as
    # JSON, are outside of the cookies' grammar, but other programs set them.
    own = remote.get("/?token=secret-token", follow_redirects=False).headers["Set-Cookie"]
    name, value = own.split(";")[0].split("=")
    for other in ("a b=3", 'seen={"x": 1, "y": [2]}', f"{name}=of-a-server-at-another-path"):
        for cookies in (f"{other}; {name}={value}", f"{name}={value}; {other}"):
            assert remote.get("/openapi.json", headers={"Cookie": cookies}).status_code == 200


def test_pages_of_servers_on_two_ports_of_one_machine_work_at_once(work: InProcess) -> None:
    clients, cookies = [], httpx2.Cookies()
    for port, token in ((8001, "first-token"), (8002, "second-token")):
        app = create(work, Access("127.0.0.1", token))
        clients.append(TestClient(app, base_url=f"http://127.0.0.1:{port}"))
        opened = clients[-1].get(f"/?token={token}", follow_redirects=False)
        cookies.update(opened.cookies)
    for client in clients:
        client.cookies = cookies
        assert client.get("/openapi.json").status_code == 200


def test_a_token_of_any_printable_characters_opens_the_page(work: InProcess) -> None:
    token = "".join(map(chr, range(32, 127)))
    client = TestClient(create(work, Access("127.0.0.1", token)), base_url="http://127.0.0.1")
    assert client.get("/", params={"token": token}).status_code == 200
    assert client.get("/openapi.json").status_code == 200


def test_an_unknown_name_is_refused_beyond_loopback_too(remote: TestClient) -> None:
    headers = {"Host": "evil.example", "Authorization": "Bearer secret-token"}
    assert remote.get("/openapi.json", headers=headers).status_code == 400


def test_the_token_is_not_in_the_repr() -> None:
    assert "secret" not in repr(Access("0.0.0.0", "secret"))  # noqa: S104


def test_fault_85_names_and_origins_are_allowed_by_options_that_the_errors_name(
    work: InProcess,
) -> None:
    closed = TestClient(
        create(work, Access("127.0.0.1", "t")), base_url="https://digits.example.org"
    )
    response = closed.get("/openapi.json")
    assert response.status_code == 400
    assert "mnistry serve --allow-host digits.example.org" in response.json()["error"]["remedy"]
    origin = {"Origin": "https://www.example.org", "Authorization": "Bearer t"}
    response = closed.get("/openapi.json", headers={**origin, "Host": "127.0.0.1"})
    assert response.status_code == 403
    assert "--allow-origin https://www.example.org" in response.json()["error"]["remedy"]
    names, origins = ["Digits.example.org"], ["https://www.example.org/"]
    access = Access.listening_on("127.0.0.1", names, origins)
    bearer = {"Authorization": f"Bearer {access.token}"}
    open_ = TestClient(create(work, access), base_url="http://digits.example.org")
    for own in ("http://digits.example.org", "https://digits.example.org"):
        assert open_.get("/openapi.json", headers={**bearer, "Origin": own}).status_code == 200
    foreign = {**bearer, "Origin": "https://b.example"}
    assert open_.get("/openapi.json", headers=foreign).status_code == 403


def test_another_sites_page_may_ask_and_read_answers_and_errors_if_it_is_allowed_to(
    work: InProcess,
) -> None:
    access = Access.listening_on("127.0.0.1", (), ["https://www.example.org"])
    client = TestClient(create(work, access), base_url="http://127.0.0.1")
    site = {"Origin": "https://www.example.org", "Sec-Fetch-Site": "cross-site"}
    asked = {"Access-Control-Request-Method": "POST"}
    preflight = client.options("/api/read", headers={**site, **asked})
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    refused = client.post("/api/read", content=b"", headers=site)
    assert refused.status_code == 401  # the token is still needed
    for response in (preflight, refused):
        assert response.headers["Access-Control-Allow-Origin"] == "https://www.example.org"
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in response.headers
    other = {**site, "Origin": "https://evil.example"}
    response = client.options("/api/read", headers={**other, **asked})
    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    ("names", "origins"),
    [
        (["a:80"], []),
        (["http://a"], []),
        ([""], []),
        ([], ["www.example.org"]),
        ([], ["https://a/b"]),
    ],
)
def test_a_name_or_origin_of_another_form_is_a_usage_error(names, origins) -> None:
    with pytest.raises(UsageError) as caught:
        Access.listening_on("127.0.0.1", names, origins)
    assert caught.value.remedy


def test_behind_a_proxy_the_server_lies_at_its_root_path(work: InProcess) -> None:
    access = Access("127.0.0.1", "t", root_path="/digits")
    client = TestClient(create(work, access), base_url="http://127.0.0.1")
    first = client.get("/digits/?token=t", follow_redirects=False)
    assert first.headers["Location"] == "/digits/"
    assert "Path=/digits" in first.headers["Set-Cookie"]
    bearer = {"Authorization": "Bearer t"}
    for path in ("/digits/openapi.json", "/openapi.json"):  # a proxy may cut the path off
        described = client.get(path, headers=bearer).json()
        assert described["servers"] == [{"url": "/digits"}]
    for path in ("/digitsopenapi.json", "/digits/docs/"):  # the last is not redirected to /docs
        assert client.get(path, headers=bearer, follow_redirects=False).status_code == 404


def test_fault_133_a_forwarded_header_is_believed_from_a_named_proxy_alone() -> None:
    async def who(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            return
        await PlainTextResponse(f"{scope['client'][0]} {scope['scheme']}")(scope, receive, send)

    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for proxies, expected in (((), "127.0.0.1 http"), (("127.0.0.0/8",), "203.0.113.9 https"),
                              (("10.0.0.1",), "127.0.0.1 http")):  # fmt: skip
        with serve(who, proxies=proxies) as address:
            assert httpx2.get(address, headers=said).text == expected


def test_the_root_path_without_its_slash_leads_to_the_page(work: InProcess) -> None:
    # The page names its script and its picture relative to its address.
    access = Access("127.0.0.1", "t", root_path="/digits")
    client = TestClient(create(work, access), base_url="http://127.0.0.1")
    bearer = {"Authorization": "Bearer t"}
    answer = client.get("/digits", headers=bearer, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/digits/")
    assert client.get("/digits", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/digits").status_code == 401
    assert client.get("/digits?token=t", follow_redirects=False).headers["Location"] == "/digits/"


@pytest.mark.parametrize(
    "path", ["https://example.org/digits", "/a b", "/a?b", "/a#b", "/ü", "C:/digits", "/a/../b"]
)
def test_a_root_path_that_is_no_path_is_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError, match="not a path") as caught:
        Access.listening_on("127.0.0.1", root_path=path)
    assert caught.value.remedy == "--root-path /digits"


@pytest.mark.parametrize(
    ("given", "path"), [("", ""), ("/", ""), ("digits/", "/digits"), ("/a/B-1.x_~", "/a/B-1.x_~")]
)
def test_a_root_path_has_a_slash_before_it_and_none_behind(given: str, path: str) -> None:
    assert Access.listening_on("127.0.0.1", root_path=given).root_path == path
