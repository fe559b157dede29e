import pytest
from starlette.testclient import TestClient

from mnistry.server.app import create
from mnistry.server.guard import Access
from mnistry.server.in_process import InProcess


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


def test_an_unknown_name_is_refused_beyond_loopback_too(remote: TestClient) -> None:
    headers = {"Host": "evil.example", "Authorization": "Bearer secret-token"}
    assert remote.get("/openapi.json", headers=headers).status_code == 400


def test_the_token_is_not_in_the_repr() -> None:
    assert "secret" not in repr(Access("0.0.0.0", "secret"))  # noqa: S104
