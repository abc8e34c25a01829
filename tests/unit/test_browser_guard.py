"""What a server without a password refuses, and what it must go on answering."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from prefect.settings import Settings

from metaflow_prefect.browser_guard import Trust, guarded, trust

PAGE = "http://localhost:4200"
TRUST = Trust.of(origins=(PAGE, "https://prefect.company.com"), names=("box.lan",))


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


def get(app, **headers):
    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            return await client.get("http://127.0.0.1:4200/api/flows", headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:4200", "localhost", "LOCALHOST:4200", "localhost.:4200", "tool.localhost"),
        *("[::1]:4200", "192.168.1.100:4200", "10.0.0.7"),
        # Of a compose file or a Kubernetes service; and the probes of old that name no host.
        *("prefect:4200", "prefect-api", "host.docker.internal:4200", ""),
        *("prefect.company.com", "box.lan:4200"),
    ],
)
def test_the_names_of_the_server_are_answered(host):
    assert TRUST.refusal(host, None) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "evil.example.com:4200", "127.0.0.1.nip.io:4200"),
        *(
            "localhost.evil.com",
            "other.company.com",
            "box.lan.evil.com",
            "internal.evil.com",
            "[evil",
        ),
    ],
)
def test_a_foreign_name_is_refused_with_what_to_do_if_it_is_ones_own(host):
    reason = TRUST.refusal(host, None)

    assert reason is not None
    assert f"add http://{host} to PREFECT_SERVER_CORS_ALLOWED_ORIGINS" in reason


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (PAGE, "127.0.0.1:4200"),
        ("https://prefect.company.com", "prefect.company.com"),
        # Its own page, by whatever name it is opened.
        ("http://192.168.1.100:4200", "192.168.1.100:4200"),
    ],
)
def test_pages_of_the_server_may_use_it(origin, host):
    assert TRUST.refusal(host, origin) is None


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://localhost:8080", "null"])
def test_pages_of_other_origins_may_not(origin):
    assert f"no requests from pages of {origin}" in (TRUST.refusal("localhost:4200", origin) or "")


def test_a_request_is_refused_before_it_reaches_the_server():
    app = guarded(application, TRUST)

    assert get(app).text == "served"
    refused = get(app, Host="evil.example.com")
    assert refused.status_code == 400
    assert "has no password" in refused.json()["detail"]


def test_a_web_socket_of_a_foreign_page_is_refused():
    """The browser asks no server before it opens one, unlike for most other requests."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost:4200"), (b"origin", b"https://evil.example.com")]
    scope = {"type": "websocket", "headers": headers}
    asyncio.run(guarded(application, TRUST)(scope, receive, send))

    assert [message["type"] for message in sent] == ["websocket.close"]


def test_a_server_with_a_password_answers_to_every_name(monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", PAGE)
    assert trust(Settings()) is not None

    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "user:hush")

    assert trust(Settings()) is None
    assert get(guarded(application, None), Host="evil.example.com").text == "served"


def test_who_lets_pages_of_every_origin_in_has_no_name_refused(monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "*")

    assert trust(Settings()) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_API_URL", "http://prefect.lan:4200/api"),
        ("PREFECT_SERVER_UI_API_URL", "https://prefect.lan/api"),
        ("PREFECT_SERVER_API_HOST", "prefect.lan"),
        ("PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS", "http://prefect.lan:4200"),
    ],
)
def test_every_name_that_prefects_settings_say_is_the_servers(monkeypatch, name, value):
    monkeypatch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", PAGE)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert trust(Settings()).refusal("prefect.lan:4200", None) is not None

    monkeypatch.setenv(name, value)

    assert trust(Settings()).refusal("prefect.lan:4200", None) is None
