"""Access from other machines: auth string, TLS by a real nginx, WebSockets, a sub-path."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import stat
import subprocess
from pathlib import Path

import httpx
import pytest
import websockets

from tests.support.ports import free_port

pytestmark = pytest.mark.slow

EXAMPLE = (
    Path(__file__).parents[3] / "metaflow_prefect" / "headless" / "resources" / "deploy/nginx.conf"
)


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def public(new_stack, port):
    """A stack on all interfaces, below /prefect, whose users come through `port` with TLS."""
    stack = new_stack(
        has_tables=True,
        PREFECT_SERVER_HOST="0.0.0.0",  # noqa: S104  what is tested
        PREFECT_UI_API_URL=f"https://127.0.0.1:{port}/prefect/api",
        PREFECT_SERVER_UI_SERVE_BASE="/prefect",
        PREFECT_SERVER_API_BASE_PATH="/prefect/api",
        PREFECT_SERVER_METRICS_ENABLED="true",
        PREFECT_SERVER_CSRF_PROTECTION_ENABLED="true",
        PREFECT_WORKER_POOL_VARIABLES='{"working_dir": "/tmp"}',
    )
    stack.start_output = stack.up().stderr
    yield stack
    stack.down()


@pytest.fixture(scope="module")
def auth_string(public):
    return (public.home / "headless" / "auth-string").read_text().strip()


@pytest.fixture(scope="module")
def auth(auth_string):
    return httpx.BasicAuth(*auth_string.split(":", 1))


@pytest.fixture(scope="module")
def nginx(public, port, tmp_path_factory, eventually_, find_program):
    """Debian's nginx with our example, its names and paths replaced by those of the test."""
    program, openssl = find_program("nginx"), find_program("openssl")
    folder = tmp_path_factory.mktemp("nginx")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    backend = httpx.URL(public.api_url).port
    site = (
        EXAMPLE.read_text()
        .replace("/etc/ssl/certs/prefect.company.com.pem", str(folder / "cert.pem"))
        .replace("/etc/ssl/private/prefect.company.com.key", str(folder / "key.pem"))
        .replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        .replace("127.0.0.1:4200", f"127.0.0.1:{backend}")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n"
        + "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"{site}\n}}\n"
    )
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    eventually_(lambda: _accepts(port), what="listening")
    yield f"https://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


def _accepts(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    return False


def test_an_auth_string_is_made_and_its_place_told(public, auth_string):
    path = public.home / "headless" / "auth-string"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in public.start_output
    assert auth_string.startswith("prefect:")


def test_the_api_wants_the_auth_string_but_health_probes_do_not(public, auth):
    url = public.api_url

    assert httpx.get(f"{url}/admin/version").status_code == 401
    assert httpx.get(f"{url}/admin/version", auth=auth).status_code == 200
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(f"{url}/ready").status_code == 200


def test_the_worker_and_the_commands_know_the_auth_string(public):
    found = public.status()

    assert found["verdict"] == "healthy"
    assert found["queue"] is not None
    assert len(found["workers_online"]) == 1
    assert "default-pool" in public.sh("prefect work-pool ls").stdout


def test_a_stack_whose_server_wants_csrf_tokens_works(public, auth):
    """`up` made the automation and set the pool's variables, `status` counts: all of them are changes to Prefect."""
    url = public.api_url
    assert httpx.post(f"{url}/flows/filter", json={}, auth=auth).status_code == 403

    pool = httpx.get(f"{url}/work_pools/default-pool", auth=auth).json()
    variables = pool["base_job_template"]["variables"]["properties"]
    assert variables["working_dir"]["default"] == "/tmp"  # noqa: S108  nothing is written
    assert "heartbeat" in public.sh("prefect automation ls").stdout
    assert public.status()["queue"] is not None


def test_another_shell_finds_the_auth_string_of_the_running_stack(public, new_stack):
    other = new_stack()
    other.home = public.home

    assert other.status()["queue"] is not None


def test_the_auth_string_is_shown_nowhere(public, auth_string):
    secret = auth_string.split(":", 1)[1]
    shown = [
        public.command(*arguments).stdout
        for arguments in (("status", "--json"), ("info", "--json"), ("env",), ("logs",))
    ]
    arguments = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in public.processes()]

    assert secret not in "".join(shown + arguments)
    assert secret not in public.every_log()
    assert secret in public.command("env", "--export").stdout


def test_prometheus_metrics_are_served_if_asked_for(public, auth):
    answer = httpx.get(f"{public.api_url}/metrics", auth=auth)

    assert answer.status_code == 200
    assert "# TYPE" in answer.text


def test_the_ui_is_served_below_the_sub_path_through_tls(nginx, port):
    with httpx.Client(verify=False, follow_redirects=True) as browser:  # noqa: S501  self-signed
        page = browser.get(f"{nginx}/prefect/")
        settings = browser.get(f"{nginx}/prefect/ui-settings").json()

    assert "<!doctype html" in page.text.lower()
    assert settings["api_url"] == f"https://127.0.0.1:{port}/prefect/api"
    assert settings["auth"] == "BASIC"


def test_the_api_is_reached_through_tls(nginx, auth):
    with httpx.Client(verify=False, auth=auth) as client:  # noqa: S501  self-signed
        assert client.get(f"{nginx}/prefect/api/admin/version").status_code == 200


def test_web_sockets_pass_the_proxy(nginx, auth_string):
    """The handshake Prefect's own event subscriber does: subprotocol `prefect`, then auth."""

    async def events() -> dict:
        trusting = ssl._create_unverified_context()  # noqa: S323, SLF001  self-signed
        address = nginx.replace("https", "wss") + "/prefect/api/events/out"
        async with websockets.connect(address, subprotocols=["prefect"], ssl=trusting) as stream:
            await stream.send(json.dumps({"type": "auth", "token": auth_string}))
            return json.loads(await asyncio.wait_for(stream.recv(), 30))

    assert asyncio.run(events())["type"] == "auth_success"
