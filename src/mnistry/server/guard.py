"""Access control by Host, Origin and token; and the security headers.

A page of another site can make a browser send requests to this server. The request then names that
site in ``Origin`` or, if the site's name resolves to this machine (DNS rebinding), in ``Host``.
Knows nothing of routes.
"""

import dataclasses
import hmac
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable, Iterator
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnistry.errors import UsageError, printable
from mnistry.server.errors import ApiError

_COOKIE = "mnistry"
# These paths say whether the server is up, to anyone and without a token.
HEALTH = frozenset({"/healthz", "/readyz"})

# The security headers, in ASGI's form: pairs of bytes. The guard adds them to every answer, and no
# route sets any of them itself.
_HEADERS = [
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(self), geolocation=(), microphone=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }.items()
]
_OTHER_SITE = "requests from other sites are refused"
TOKEN = "MNISTRY_TOKEN"  # noqa: S105 (the name of the variable)
_LEAST_TOKEN = 16
# What another site's page may send, if it is allowed to.
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
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
    names
        Other names by which clients may call the server, as behind a proxy.
    origins
        Other sites whose pages may send requests: ``https://digits.example.org``.
    root_path
        The path at which a proxy shows the server: ``/digits``; empty if it is the whole site.
    command
        The command whose options these are, for remedies.
    """

    host: str = "127.0.0.1"
    token: str | None = dataclasses.field(default=None, repr=False)
    names: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    root_path: str = ""
    command: str = "mnistry serve"

    @classmethod
    def listening_on(
        cls,
        host: str,
        names: Iterable[str] = (),
        origins: Iterable[str] = (),
        *,
        always: bool = False,
        root_path: str = "",
        **settings: Any,
    ) -> Self:
        """Return the access for a server.

        It has a token if `always`, if names or origins are given, or if other machines can reach
        it. The token is that of the environment variable MNISTRY_TOKEN, or else a new one.

        Raises
        ------
        UsageError
            If a name, an origin or the root path is malformed, or the token is too short.
        """
        known = frozenset(_name(name) for name in names)
        sites = frozenset(_origin(origin) for origin in origins)
        token = None
        if always or known or sites or not is_loopback(host):
            token = os.environ.get(TOKEN) or secrets.token_urlsafe()
            if len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable():
                raise UsageError(
                    "the token is too short, or has characters other than printable ASCII",
                    where=TOKEN,
                    expected=f"{_LEAST_TOKEN} characters or more",
                    remedy="choose one at random: openssl rand -hex 32",
                )
        return cls(host, token, known, sites, _root_path(root_path), **settings)

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
            names = {"localhost", self.host.lower(), *self.names}
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


def _name(text: str) -> str:
    name = text.lower().rstrip(".")
    if not name or _without_port(name) != name:
        expected, remedy = "a host name without a port", "--allow-host digits.example.org"
        raise UsageError("not a host name", where=text, expected=expected, remedy=remedy)
    return name


def _origin(text: str) -> str:
    parts = urlsplit(text.lower().rstrip("/"))
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or parts.geturl() != (f"{parts.scheme}://{parts.netloc}")
    ):
        expected, remedy = "a scheme and a host", "--allow-origin https://digits.example.org"
        raise UsageError("not an origin", where=text, expected=expected, remedy=remedy)
    return parts.geturl()


def _root_path(text: str) -> str:
    parts = text.strip("/").split("/")
    if parts == [""]:
        return ""
    if not all(re.fullmatch(r"[\w.~-]*[\w~-][\w.~-]*", part, re.ASCII) for part in parts):
        expected = "letters without accents, digits, - . _ ~, and / between them"
        raise UsageError("not a path", where=text, expected=expected, remedy="--root-path /digits")
    return "/" + "/".join(parts)


class Guard:
    """Middleware that refuses foreign requests, and adds the security headers.

    It also answers CORS preflight requests, and removes the root path from a request's path.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        root, path = self._access.root_path, scope["path"]
        if root and (path == root or path.startswith(f"{root}/")):
            scope["path"] = path.removeprefix(root) or "/"
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").lower()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
                answer = MutableHeaders(scope=message)
                answer.setdefault("Cache-Control", "no-store")
                if self._access.origins:
                    answer["Vary"] = "Origin"
                if origin in self._access.origins:
                    answer["Access-Control-Allow-Origin"] = headers["origin"]
                    answer["Access-Control-Expose-Headers"] = "Retry-After"
            await send(message)

        try:
            early = self._check(scope, headers, origin)
            if early is None and root and path == root:
                early = RedirectResponse(f"{root}/")
        except ApiError as error:
            early = error.response()
        await (early or self._app)(scope, receive, send_with_headers)

    def _check(self, scope: Scope, headers: Headers, origin: str) -> Response | None:
        """Raise `ApiError` for a request to be refused; return an answer to a CORS preflight.

        None lets the request through.
        """
        if scope["path"] in HEALTH:
            return None
        hosts = headers.getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        name = _without_port(host)
        command = self._access.command
        if not self._access.is_own_name(name):
            raise ApiError(
                400,
                "not this server's name",
                where="Host",
                expected="the address that the server printed",
                remedy=f"if the name is its own: {command} --allow-host {name or 'NAME'}",
            )
        own = {f"{scope['scheme']}://{host}"}
        if name in self._access.names:  # a proxy may have taken off the encryption
            own |= {f"http://{host}", f"https://{host}"}
        is_allowed = origin in self._access.origins
        if "origin" in headers and origin not in own and not is_allowed:
            site = origin if origin.startswith("http") else "ORIGIN"
            raise ApiError(
                403,
                _OTHER_SITE,
                where="Origin",
                expected="a page of this server",
                remedy=f"if the site may use it: {command} --allow-origin {printable(site)}",
            )
        if is_allowed and "access-control-request-method" in headers:
            return Response(None, 204, _PREFLIGHT)
        site = headers.get("sec-fetch-site", "none")
        # Other sites may link to the start page.
        if site not in _OWN_SITE and scope["path"] != "/" and not is_allowed:
            raise ApiError(
                403,
                _OTHER_SITE,
                where="Sec-Fetch-Site",
                expected="a page of this server",
                remedy="open the server's own page",
            )
        return None if self._access.token is None else self._check_token(scope, headers)

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Accept the token in a header, in the cookie, or in the address of the first page."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return None
        if any(map(self._is_token, _cookies(headers))):
            return None
        root = self._access.root_path
        if scope["path"] == "/" and scope["method"] == "GET":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if self._is_token(given):
                response = RedirectResponse(f"{root}/", 303)
                response.set_cookie(
                    _cookie_name(headers),
                    quote(given, safe=""),
                    path=root or "/",
                    secure=scope["scheme"] == "https",
                    httponly=True,
                    samesite="strict",
                )
                return response
        raise ApiError(
            401,
            "a token is needed",
            where="Authorization",
            expected="Authorization: Bearer TOKEN",
            remedy="take the token from the address that the server printed, or open that address",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._access.token or "").encode())


def _cookie_name(headers: Headers) -> str:
    """Return the name of this server's cookie: browsers keep one host's cookies for all ports."""
    port = urlsplit(f"//{headers['host']}").port
    return _COOKIE if port is None else f"{_COOKIE}-{port}"


def _cookies(headers: Headers) -> Iterator[str]:
    """Yield the tokens in cookies, whatever cookies other programs of this host have set."""
    name = _cookie_name(headers)
    for cookie in ";".join(headers.getlist("cookie")).split(";"):
        key, _, value = cookie.strip().partition("=")
        if key == name:
            yield unquote(value)


def _without_port(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname or ""
        parts.port  # noqa: B018  (raises if it is not a number)
    except ValueError:
        return ""
    # A user, a path or a query is not allowed in a Host header.
    return name if parts.netloc == host and "@" not in host else ""
