"""Access control by Host, Origin and token; and the security headers.

A page of another site can make a browser send requests to this server. The request then names that
site in ``Origin`` or, if the site's name resolves to this machine (DNS rebinding), in ``Host``.
Knows nothing of routes.
"""

import dataclasses
import hmac
import ipaddress
import secrets
import socket
from http.cookies import CookieError, SimpleCookie
from typing import Self
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnistry.server.errors import ApiError

COOKIE = "mnistry"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_OTHER_SITE = "requests from other sites are refused"
_OWN_SITE = {"same-origin", "none"}  # none: the address was typed in, or is a bookmark


@dataclasses.dataclass(frozen=True)
class Access:
    """Who may send requests.

    Attributes
    ----------
    host
        The name or address that the server listens on.
    token
        The secret that a client must send. None lets in every program on this machine; use it on
        loopback only.
    """

    host: str = "127.0.0.1"
    token: str | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def listening_on(cls, host: str) -> Self:
        """Return the access for a server on `host`, with a new token unless it is loopback."""
        return cls(host, None if is_loopback(host) else secrets.token_urlsafe())

    def is_own_name(self, name: str) -> bool:
        """Return whether a request's ``Host``, without its port, is a name of this server.

        Anyone can make a name resolve to this machine, so only known names are accepted. A server
        on loopback accepts only loopback addresses.

        Examples
        --------
        >>> local, open_ = Access(), Access("0.0.0.0", "secret")
        >>> names = ("localhost", "[::1]", "192.168.0.7", "evil.example")
        >>> [local.is_own_name(name) for name in names]
        [True, True, False, False]
        >>> open_.is_own_name("192.168.0.7"), open_.is_own_name("evil.example")
        (True, False)
        """
        name = name.lower().rstrip(".")
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            names = {"localhost", self.host.lower()}
            if self.token is not None:
                names |= {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
            return name in names
        return self.token is not None or address.is_loopback


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on `host` can be reached only from this machine.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Middleware that refuses foreign requests and adds the security headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            early = self._check(scope)
        except ApiError as error:
            early = error.response()
        await (early or self._app)(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        if not self._access.is_own_name(_without_port(host)):
            expected = "the address that the server printed"
            raise ApiError(400, "not this server's name", where="Host", expected=expected)
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{scope['scheme']}://{host.lower()}":
            raise ApiError(403, _OTHER_SITE, where="Origin")
        site = headers.get("sec-fetch-site", "none")
        # Other sites may link to the start page.
        if site not in _OWN_SITE and scope["path"] != "/":
            raise ApiError(403, _OTHER_SITE, where="Sec-Fetch-Site")
        return None if self._access.token is None else self._check_token(scope, headers)

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Accept the token in a header, in the cookie, or in the address of the first page."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return None
        if self._is_token(_cookie(headers)):
            return None
        if scope["path"] == "/" and scope["method"] == "GET":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if self._is_token(given):
                response = RedirectResponse("/", 303)
                response.set_cookie(COOKIE, given, httponly=True, samesite="strict")
                return response
        expected = "the address that the server printed, or Authorization: Bearer"
        raise ApiError(401, "a token is needed", expected=expected)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._access.token or "").encode())


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _without_port(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname or ""
        parts.port  # noqa: B018  (raises if it is not a number)
    except ValueError:
        return ""
    # A user, a path or a query is not allowed in a Host header.
    return name if parts.netloc == host and "@" not in host else ""
