"""How a command tells what it waits for."""

from __future__ import annotations

import io

from metaflow_prefect.headless.console import CLEAR_LINE, Console


def spoken(seconds, **options):
    """What is written when a service is awaited for *seconds*, asked five times a second."""
    stream = io.StringIO()
    now = 0.0
    console = Console(stream, clock=lambda: now, **options)
    while now <= seconds:
        console.wait("server")
        now += 0.2
    console.rest()
    console.say("server is ready")
    console.warn("mind the gap")
    return stream.getvalue()


def test_where_lines_stay_a_wait_is_told_at_once_and_every_ten_seconds():
    assert spoken(25) == (
        "waiting for server\nwaiting for server (10 s)\nwaiting for server (20 s)\n"
        "server is ready\nWARNING: mind the gap\n"
    )


def test_on_a_terminal_one_line_counts_the_seconds_and_is_cleared():
    written = spoken(2.5, live=True)

    assert written == (
        f"{CLEAR_LINE}waiting for server{CLEAR_LINE}waiting for server (1 s)"
        f"{CLEAR_LINE}waiting for server (2 s){CLEAR_LINE}server is ready\nWARNING: mind the gap\n"
    )


def test_who_wants_quiet_hears_warnings_only():
    assert spoken(25, quiet=True, live=True) == "WARNING: mind the gap\n"


def test_each_thing_that_is_waited_for_is_told():
    stream = io.StringIO()
    console = Console(stream, clock=lambda: 0.0)
    for what in ("postgres", "postgres", "server"):
        console.wait(what)

    assert stream.getvalue() == "waiting for postgres\nwaiting for server\n"
