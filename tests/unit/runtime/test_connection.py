"""A server that cannot be used: each way has its own words, the same for every command and call."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import prefect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from metaflow_prefect import Event
from metaflow_prefect.errors import ServerRefused
from metaflow_prefect.runtime.servers.connection import prefect_client

VERSION = f'"{prefect.__version__}"'
DROPPED = (0, "")

ANSWERS = {
    "it wants a password": ((401, "{}"), "refuses the request (401)", "PREFECT_API_AUTH_STRING"),
    "it forbids": ((403, "{}"), "refuses the request (403)", "PREFECT_API_AUTH_STRING"),
    "a page for people": ((200, "<html>Sign in</html>"), "is not a Prefect API", "ends in /api"),
    "another program's API": ((200, '{"version": 1}'), "is not a Prefect API", "ends in /api"),
    "no such page": ((404, "{}"), "is not a Prefect API", "ends in /api"),
    "another major version": ((200, '"2.20.3"'), "has release 2.20.3", "same major version"),
    "it is broken": ((500, "no disk"), "answered 500: no disk", "server's log"),
    "it drops the connection": (DROPPED, "No Prefect server answers", "prefect server start"),
}


@contextmanager
def answering(first, then=DROPPED, certificate=None):
    """Serve *first* as the answer to the first request and *then* to all others; yield the address."""
    answers = [first]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, text = answers.pop() if answers else then
            if not status:
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refusal(url, ask=lambda client: client.hello()):
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        pytest.raises(ServerRefused) as raised,
        prefect_client({"PREFECT_API_URL": url}) as client,
    ):
        ask(client)
    return raised.value


@pytest.mark.parametrize("case", ANSWERS)
def test_a_server_that_cannot_be_used_is_named_with_what_to_do(case):
    answer, told, fix = ANSWERS[case]
    with answering(answer) as url:
        error = refusal(url)

    assert told in error.problem
    assert url in error.problem
    assert fix in error.fix


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9/api", "ConnectError"),
        ("http://no-such-host.invalid/api", "ConnectError"),
        ("localhost:4200/api", "UnsupportedProtocol"),
    ],
)
def test_an_address_where_nothing_answers_is_named(url, told):
    error = refusal(url)

    assert error.problem.startswith(f"No Prefect server answers at PREFECT_API_URL={url} ({told}")
    assert "correct PREFECT_API_URL" in error.fix


@pytest.fixture
def certificate(tmp_path):
    """A certificate that no authority has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = dt.datetime.now(dt.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return file


def test_a_certificate_that_is_not_trusted_names_the_setting_for_its_authority(certificate):
    with answering((200, VERSION), certificate=certificate) as url:
        error = refusal(url)

    assert "CERTIFICATE_VERIFY_FAILED" in error.problem
    assert "PREFECT_API_SSL_CERT_FILE" in error.fix


def test_the_password_of_an_address_is_not_shown():
    error = refusal("http://user:secret@127.0.0.1:9/api")

    assert "http://127.0.0.1:9/api" in error.problem
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, "<html>Sign in</html>"), "is not a Prefect API"),
        ((401, "{}"), "refuses the request (401)"),
        (DROPPED, "connection to the Prefect server broke"),
    ],
)
def test_a_server_that_changes_its_mind_midway_is_said_in_the_same_words(answer, told):
    with answering((200, VERSION), answer) as url:
        error = refusal(url)

    assert told in error.problem


def test_publishing_an_event_is_refused_in_the_same_words():
    with answering((200, VERSION), (403, "{}")) as url:
        error = refusal(url, lambda _: Event("fresh").publish())

    assert "refuses the request (403)" in error.problem
