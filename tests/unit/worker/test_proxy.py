"""The proxy of the tests' own does to requests what its rules say, and to no others."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.stack.worker.proxy import Answer, Deed, Proxy, Rule

SOON = 20.0


@pytest.fixture
def upstream():
    """A server that notes the bodies it gets, and echoes them."""
    seen: list[bytes] = []

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append(body)
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy(upstream):
    with Proxy(upstream[0]) as proxy:
        yield proxy


def post(proxy, text, *, timeout=SOON):
    return httpx.post(proxy.url, content=text, timeout=timeout)


def wait_until(happened):
    deadline = time.monotonic() + SOON
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert happened()


def test_a_request_no_rule_is_about_is_passed_on_and_answered(proxy, upstream):
    with proxy.rule(Rule(deed=Deed.CUT_BEFORE, matches=lambda it: it.body == b"other")):
        assert post(proxy, "hello").text == "hello"
    assert upstream[1] == [b"hello"]


def test_a_request_that_is_held_arrives_though_the_one_who_asked_has_given_it_up(proxy, upstream):
    with proxy.rule(Rule(deed=Deed.HOLD, times=1)) as held:
        with pytest.raises(httpx.ReadTimeout):
            post(proxy, "late", timeout=0.2)
        assert post(proxy, "second").text == "second"
        assert upstream[1] == [b"second"]
        held.let_go.set()
        wait_until(lambda: held.passed_on)
    assert upstream[1] == [b"second", b"late"]


@pytest.mark.parametrize(
    ("deed", "arrived"), [(Deed.CUT_BEFORE, []), (Deed.CUT_AFTER, [b"x"]), (Deed.TRUNCATE, [b"x"])]
)
def test_a_connection_is_cut_before_after_or_within_the_answer(proxy, upstream, deed, arrived):
    with proxy.rule(Rule(deed=deed, times=1)), pytest.raises(httpx.TransportError):
        post(proxy, "x")
    assert upstream[1] == arrived


def test_an_answer_of_the_rule_keeps_the_request_from_being_passed_on(proxy, upstream):
    said = Answer(status=401, body=b"{}", headers=[("retry-after", "86400")])
    with proxy.rule(Rule(deed=Deed.ANSWER, answer=said, times=1)):
        answer = post(proxy, "x")
        assert post(proxy, "y").text == "y"
    assert (answer.status_code, answer.headers["retry-after"]) == (401, "86400")
    assert upstream[1] == [b"y"]
