"""What stands before every app: who may ask, how much, and what a browser may do with the answer.

Refused are, in this order: a ``Host`` that is not the server's (DNS rebinding), a changing request
that another site's page sends (cross-site request forgery), a request without the token, and a body
that is too large or comes too slowly.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Collection, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segfit.serving.hosts import AllowedHosts
from segfit.serving.problems import make_problem

TOKEN_BYTES = 32
BODY_S = 300.0
"""How long the body of a request may take to come in."""
READ_S = 60.0
"""How long a client may take to make room for more of an answer."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
OWN_SITES = frozenset({"same-origin", "none"})
"""Of ``Sec-Fetch-Site``: our own page, and what the user typed."""
SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Of every answer; an app may say otherwise of its own."""
_NO_TOKEN_PAGE = """<!doctype html>
<html lang="en">
<title>segfit: token needed</title>
<h1>This page needs its token</h1>
<p>Open the whole address that the command printed; it ends in <code>/?token=…</code>.
Programs send the token as <code>Authorization: Bearer TOKEN</code>.</p>
</html>
"""


def make_token() -> str:
    """A token that cannot be guessed, fit for an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Guard:
    """An ASGI app before an app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: AllowedHosts,
        largest_body: int,
        token: str | None = None,
        open_paths: Collection[str] = (),
        body_s: float = BODY_S,
        read_s: float = READ_S,
    ) -> None:
        """``largest_body``: of a request, in bytes. ``token``: None where none is needed.

        ``open_paths``: paths that need no token, such as what tells whether the server is well.
        """
        self.app = app
        self._hosts = hosts
        self._largest_body = largest_body
        self._token = token
        self._open_paths = frozenset(open_paths)
        self._body_s = body_s
        self._read_s = read_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the app answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            own_send = self._finish_headers(send)
            refusal = self._find_refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, own_send)
            else:
                await self._pass_bounded(scope, receive, own_send)
        else:
            await send({"type": "websocket.close"})

    def _find_refusal(self, scope: Scope) -> Response | None:
        """What to answer in the app's place; None where the app may be asked."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.has(hosts[0]):
            return make_problem(
                HTTPStatus.FORBIDDEN,
                f"the server has no name {', '.join(hosts)!r}: use the address that it printed, or "
                "start it with --allow-host NAME",
            )
        if scope["method"] not in SAFE_METHODS and not _is_own_site(headers):
            return make_problem(
                HTTPStatus.FORBIDDEN, "pages of other sites may not send this: use the server's own"
            )
        if self._token is not None and scope["path"] not in self._open_paths:
            refusal = _check_token(scope, headers, self._token)
            if refusal is not None:
                return refusal
        length = headers.get("content-length", "0")
        if int(length) > self._largest_body:  # the server has seen to it that it is a number
            return self._refuse_large()
        return None

    async def _pass_bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer; where the body is too large or too slow, answer in its place."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._body_s
        refusal: Response | None = None
        received, is_whole, has_begun = 0, False, False

        async def receive_bounded() -> Message:
            nonlocal refusal, received, is_whole
            if is_whole:  # from now on only the end of the connection can come
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                refusal = make_problem(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"the body did not come within {self._body_s:g} s: send it again",
                )
                return {"type": "http.disconnect"}
            received += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if received > self._largest_body:
                refusal = self._refuse_large()
                return {"type": "http.disconnect"}
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal has_begun
            if refusal is None or has_begun:
                has_begun = True
                await send(message)

        try:
            await self.app(scope, receive_bounded, send_unless_refused)
        except Exception:
            if refusal is None:
                raise
        if refusal is not None and not has_begun:
            await refusal(scope, receive, send)

    def _refuse_large(self) -> Response:
        return make_problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body is larger than {self._largest_body / 1e6:g} MB: send less at once",
        )

    def _finish_headers(self, send: Send) -> Send:
        """Send with the headers that browsers heed; give up on who does not read."""

        async def send_finished(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            async with asyncio.timeout(self._read_s):
                await send(message)

        return send_finished


def _is_own_site(headers: Headers) -> bool:
    """Whether a request comes from the server's own page, or from no page at all.

    Browsers say where a script's request comes from, and no script can say otherwise.
    """
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return False
    origin = headers.get("origin")
    return origin is None or origin.lower().partition("://")[2] == headers["host"].lower()


def _check_token(scope: Scope, headers: Headers, token: str) -> Response | None:
    """None for a request that has the token; else what to answer.

    A token in the address of the first page goes into a cookie, which no script can read, and out
    of the address, which histories keep.
    """
    port = (scope.get("server") or (None, None))[1]
    cookie = f"segfit_token_{port}"  # cookies do not tell ports apart
    if scope["path"] == "/" and scope["method"] in SAFE_METHODS:
        (given, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if _is_same(given, token):
            answer = RedirectResponse("/", HTTPStatus.SEE_OTHER, {"cache-control": "no-store"})
            answer.set_cookie(cookie, token, httponly=True, samesite="strict")
            return answer
    kind, _, bearer = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and _is_same(bearer.strip(), token):
        return None
    if _is_same(HTTPConnection(scope).cookies.get(cookie, ""), token):
        return None
    ask = {"www-authenticate": "Bearer", "cache-control": "no-store"}
    if "text/html" in headers.get("accept", ""):
        return HTMLResponse(_NO_TOKEN_PAGE, HTTPStatus.UNAUTHORIZED, ask)
    return make_problem(
        HTTPStatus.UNAUTHORIZED,
        "the token is missing or wrong: send the one that the command printed, as "
        "Authorization: Bearer TOKEN",
        headers=ask,
    )


def _is_same(given: str, token: str) -> bool:
    """Compare in a time that does not say how much is right."""
    return hmac.compare_digest(given.encode(), token.encode())
