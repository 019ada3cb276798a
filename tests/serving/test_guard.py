"""What is let through to an app, and what a browser is told to do with its answers."""

import asyncio
import json
import socket

import pytest

from asking import ask
from segfit.errors import SegfitError
from segfit.serving import guard
from segfit.serving.guard import Guard, make_token
from segfit.serving.hosts import AllowedHosts, allow_hosts

TOKEN = "0123456789abcdef-token"
COOKIE = f"segfit_token_7860={TOKEN}"


async def echo(scope, receive, send):
    """Answers with the request's body; over http only."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RuntimeError("the client has gone")
        body += message["body"]
        more = message["more_body"]
    headers = [(b"content-type", b"text/plain")]
    if scope["path"] == "/judge":
        headers.append((b"content-security-policy", b"sandbox"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def guarded(*, largest_body=10, **options):
    return Guard(echo, hosts=AllowedHosts(), largest_body=largest_body, **options)


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST.:9000"])
def test_the_own_names_are_let_through(host):
    assert ask(guarded(), headers={"host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost:7860@evil.example",
        "10.0.0.1",
        "",
        "[",
        ":1",
    ],
)
def test_a_foreign_name_is_refused(host):
    answer = ask(guarded(), headers={"host": host})
    assert answer.status == 403
    assert "use the address that it printed" in json.loads(answer.body)["detail"]


def test_two_names_are_refused():
    assert ask(guarded(), headers={"host": ["localhost", "evil.example"]}).status == 403


def test_a_server_for_others_has_its_addresses_and_the_names_given():
    hosts = allow_hosts("0.0.0.0", ["Lab.example", "fe80::2"])
    assert all(hosts.has(name) for name in ("10.0.0.1:80", "[fe80::1]", "lab.example", "localhost"))
    assert hosts.has(socket.gethostname())
    assert not hosts.has("evil.example")
    assert not allow_hosts("127.0.0.1").has("10.0.0.1")


@pytest.mark.parametrize("name", ["http://lab.example", "lab.example:80", "10.0.0.1:80", "", "bü"])
def test_a_name_that_no_request_has_is_refused(name):
    with pytest.raises(SegfitError, match="is not the name of a host"):
        allow_hosts("127.0.0.1", [name])


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_page_of_another_site_cannot_change_anything(headers, method):
    assert ask(guarded(), method=method, headers=headers).status == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://localhost:7860", "sec-fetch-site": "same-origin"}],
)
def test_the_own_page_and_programs_can(headers):
    assert ask(guarded(), method="POST", headers=headers, chunks=[b"yes"]).body == b"yes"


def test_every_answer_has_the_headers_that_browsers_heed():
    for answer in (ask(guarded()), ask(guarded(), headers={"host": "evil.example"})):
        for name, value in guard.SECURITY_HEADERS.items():
            assert answer.headers[name] == value
    assert "unsafe" not in guard.SECURITY_HEADERS["content-security-policy"]
    assert ask(guarded(), "/judge").headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer {TOKEN}"},
        {"cookie": COOKIE},
    ],
)
def test_who_has_the_token_is_let_through(headers):
    assert ask(guarded(token=TOKEN), "/any", headers=headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer tökén"},
        {"authorization": "Bearer"},
        {"cookie": f"segfit_token_7861={TOKEN}"},
        {"cookie": "segfit_token_7860="},
    ],
)
def test_who_has_not_is_told_what_to_do(headers):
    app = guarded(token=TOKEN)
    answer = ask(app, "/any", headers=headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    page = ask(app, headers={**headers, "accept": "text/html,*/*"})
    assert page.status == 401
    assert page.headers["content-type"].startswith("text/html")
    assert "the whole address" in page.text


def test_a_token_in_the_address_becomes_a_cookie():
    app = guarded(token=TOKEN)
    answer = ask(app, query=f"token={TOKEN}")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie, *rules = answer.headers["set-cookie"].split("; ")
    assert cookie == COOKIE
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(rules)
    assert ask(app, headers={"cookie": cookie}).status == 200


def test_a_token_in_an_address_counts_for_the_first_page_only():
    app = guarded(token=TOKEN)
    assert ask(app, query="token=wrong").status == 401
    assert ask(app, "/api/project", query=f"token={TOKEN}").status == 401
    assert ask(app, method="POST", query=f"token={TOKEN}").status == 401


def test_open_paths_need_no_token_and_no_other_looks_like_them():
    app = guarded(token=TOKEN, open_paths=["/health"])
    assert ask(app, "/health").status == 200
    assert ask(app, "/health/").status == 401


def test_tokens_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(guard.hmac, "compare_digest", lambda *pair: compared.append(pair) or False)
    app = guarded(token=TOKEN)
    assert ask(app, headers={"authorization": f"Bearer {TOKEN}"}).status == 401
    assert (TOKEN.encode(), TOKEN.encode()) in compared


def test_tokens_cannot_be_guessed():
    tokens = {make_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43


def test_a_body_that_says_it_is_too_large_is_refused_unread():
    answer = ask(guarded(), method="POST", headers={"content-length": "11"}, chunks=[None])
    assert answer.status == 413
    assert json.loads(answer.body)["detail"].startswith("the body is larger than 1e-05 MB")
    assert ask(guarded(), method="POST", chunks=[b"x" * 10]).status == 200


def test_a_body_that_turns_out_too_large_is_refused():
    answer = ask(guarded(), method="POST", chunks=[b"x" * 6, b"x" * 6, None])
    assert answer.status == 413


def test_a_body_that_does_not_come_is_refused():
    answer = ask(guarded(body_s=0.05), method="POST", chunks=[b"x", None])
    assert answer.status == 408


def test_an_app_that_fails_by_itself_still_fails():
    async def broken(scope, receive, send):
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        ask(Guard(broken, hosts=AllowedHosts(), largest_body=10))


def test_there_are_no_websockets():
    sent = []

    async def send(message):
        sent.append(message["type"])

    asyncio.run(guarded()({"type": "websocket"}, None, send))
    assert sent == ["websocket.close"]
