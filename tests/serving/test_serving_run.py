"""A server's address, start and end, and connections that do not behave."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from asking import running
from segfit.errors import SegfitError
from segfit.serving import connection, run
from segfit.serving.guard import Guard
from segfit.serving.hosts import AllowedHosts
from segfit.serving.run import listen


async def app(scope, receive, send):
    """Answers "yes" to everything."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]}
    )
    await send({"type": "http.response.body", "body": b"yes"})


def connect(listener):
    return socket.create_connection(("127.0.0.1", listener.port), timeout=5)


def test_the_next_free_port_is_taken(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(run, "FIRST_PORT", taken)
        monkeypatch.setattr(run, "LAST_PORT", taken + 20)
        first = listen()
        second = listen()
        try:
            assert taken < first.port < second.port <= taken + 20
        finally:
            first.close()
            second.close()


def test_no_free_port_is_said(monkeypatch):
    one = listen(port=0)
    monkeypatch.setattr(run, "FIRST_PORT", one.port)
    monkeypatch.setattr(run, "LAST_PORT", one.port)
    with pytest.raises(SegfitError, match=f"{one.port} are all taken: give one with --port"):
        listen()
    with pytest.raises(SegfitError, match=f"port {one.port} cannot be had .*: give another"):
        listen(port=one.port)
    one.close()


@pytest.mark.parametrize(
    ("host", "token", "message"),
    [
        ("0.0.0.0", None, "0.0.0.0 is reached from other machines: give a token"),
        ("::", None, "give a token"),
        ("192.0.2.1", "x" * 16, "cannot listen at 192.0.2.1 .*: give the name or an address of"),
        ("no such host", "x" * 16, "cannot listen at no such host"),
        ("a" * 70, "x" * 16, "cannot listen at aaa"),
        ("127.0.0.1", "short", "the token has 5 characters: give 16 or more"),
        ("127.0.0.1", "é" * 16, "letters of ASCII"),
        ("127.0.0.1", "sixteen; letters", "digits, - or _"),
    ],
)
def test_an_address_that_will_not_do_is_refused(host, token, message):
    with pytest.raises(SegfitError, match=message):
        listen(host, 0, token=token)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:{port}/"),
        ("localhost", "http://localhost:{port}/"),
        ("0.0.0.0", "http://127.0.0.1:{port}/?token=0123456789abcdef"),
    ],
)
def test_the_address_to_open_first(host, address):
    listener = listen(host, 0, token="0123456789abcdef" if "token" in address else None)
    assert listener.first_address == address.format(port=listener.port)
    listener.close()


def test_what_it_answers_comes_over_the_wire():
    with running(app) as listener:
        assert httpx.get(listener.address).text == "yes"


def test_headers_that_never_end_close_the_connection(monkeypatch):
    monkeypatch.setattr(connection.BoundedConnection, "request_s", 0.3)
    with running(app) as listener:
        for beginning in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "):
            with connect(listener) as slow:
                slow.sendall(beginning)
                start = time.monotonic()
                assert slow.recv(100) == b""
                assert time.monotonic() - start < 4


def test_a_request_that_takes_long_is_not_cut_off(monkeypatch):
    monkeypatch.setattr(connection.BoundedConnection, "request_s", 0.1)

    async def slow(scope, receive, send):
        if scope["type"] == "http":
            await connection.asyncio.sleep(0.4)
        await app(scope, receive, send)

    with running(slow) as listener, httpx.Client() as client:
        assert [client.get(listener.address).text for _ in range(2)] == ["yes", "yes"]


def test_headers_that_are_too_large_are_refused():
    with running(app) as listener, connect(listener) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000)
        assert client.recv(100).startswith(b"HTTP/1.1 400")


def test_an_endless_body_is_answered_and_then_cut_off(monkeypatch):
    monkeypatch.setattr(connection.BoundedConnection, "request_s", 0.3)
    guarded = Guard(app_that_reads, hosts=AllowedHosts(), largest_body=100)
    with running(guarded) as listener, connect(listener) as endless:
        endless.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        endless.setblocking(False)
        answer = b""
        for _ in range(400):
            try:
                endless.sendall(b"40\r\n" + b"x" * 64 + b"\r\n")
                answer += endless.recv(2000)
            except BlockingIOError:
                time.sleep(0.01)
            except ConnectionError:
                break
        else:
            pytest.fail("the connection stayed open")
    assert answer.startswith(b"HTTP/1.1 413")


async def app_that_reads(scope, receive, send):
    """Reads the whole body first."""
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
    await app(scope, receive, send)


PROGRAM = """
from segfit.serving.run import listen, run_app
async def app(scope, receive, send):
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})
    print("shut down", flush=True)
run_app(app, listen(port=0), on_started=lambda: print("up", flush=True),
        on_stopping=lambda: print("stopping", flush=True))
print("done", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_signal_to_terminate_end_it_cleanly(kind):
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        killer = threading.Timer(20, process.kill)
        killer.start()
        assert process.stdout.readline() == "up\n"
        process.send_signal(kind)
        out, complaints = process.communicate()
        killer.cancel()
    assert (out, complaints) == ("stopping\nshut down\ndone\n", "")
    assert process.returncode == 0


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    from segfit.serving import installed

    installed.check_installed("serve")
    monkeypatch.setattr(installed, "NEEDED", ("json", "no_such_module"))
    with pytest.raises(SegfitError, match=r'no_such_module: pip install "segfit\[serve\]"'):
        installed.check_installed("serve")
