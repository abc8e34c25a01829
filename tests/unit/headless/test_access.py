"""When an auth string is needed, made, or waived."""

from __future__ import annotations

import pytest

from metaflow_prefect.headless.files import layout
from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.stack import auth

EVERYWHERE = "0.0.0.0"  # noqa: S104  nothing is bound


@pytest.fixture
def home(tmp_path):
    made = Layout(home=tmp_path / "home")
    layout.prepare(made)
    return made


def test_a_loopback_server_needs_no_auth_string(settings, home):
    assert auth.provide(settings(), home) == (None, None)
    assert not home.auth_string.exists()


def test_a_server_others_can_reach_gets_an_auth_string_and_the_user_its_place(settings, home):
    made, note = auth.provide(settings(PREFECT_SERVER_HOST=EVERYWHERE), home)

    assert made == home.auth_string.read_text().strip()
    assert str(home.auth_string) in (note or "")
    assert made not in (note or "")


def test_an_auth_string_that_is_given_is_used(settings, home):
    given = settings(PREFECT_SERVER_HOST=EVERYWHERE, PREFECT_SERVER_API_AUTH_STRING="me:hush")

    assert auth.provide(given, home) == ("me:hush", None)


def test_a_clients_auth_string_is_the_servers_too(settings, home):
    given = settings(PREFECT_SERVER_HOST=EVERYWHERE, PREFECT_API_AUTH_STRING="me:hush")

    assert auth.provide(given, home) == ("me:hush", None)


def test_the_auth_string_can_be_waived_and_the_danger_is_named(settings, home):
    given = settings(PREFECT_SERVER_HOST=EVERYWHERE, PREFECT_ALLOW_UNAUTHENTICATED="1")
    made, note = auth.provide(given, home)

    assert made is None
    assert "ANYONE" in (note or "")
