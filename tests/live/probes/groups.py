"""Probes of secret groups, and of the tags that admit jobs to them."""

from __future__ import annotations

from tests.live.api import Json
from tests.live.facts import Verdict, judged
from tests.live.probe import Probe, Session, choice, inference

_FILE = {"/etc/file": {"data": "Zm9v", "encoding": "utf-8"}}


def _restricted(session: Session) -> Verdict:
    _, inside = session.scenario.shown
    _, outside = session.scenario.shown_outside
    seen = f"the job that it names has `{inside['GROUP']}`, another job has `{outside['GROUP']}`"
    return judged(inside["GROUP"] == "the group's" and outside["GROUP"] is None, seen)


def _own_wins(session: Session) -> Verdict:
    _, variables = session.scenario.shown
    return judged(variables["OWN"] == "the job's", f"the container has `{variables['OWN']}`")


def _by_tag(session: Session) -> Verdict:
    """Try what the worker does with a new pool: a tag, a group that admits it, a job with it."""
    tag = session.names.of("tag")
    made = session.api.call(
        "POST", f"{session.api.account}/tags", {"name": tag, "color": "#2D6DF6"}
    )
    assert made.data is not None
    again = session.api.call(
        "POST", f"{session.api.account}/tags", {"name": tag, "color": "#2D6DF6"}
    )
    group: Json = {
        "name": session.names.of("tagged"),
        "secretType": "environment",
        "priority": 10,
        "restrictions": {"restricted": True, "tags": [tag], "tagMatchCondition": "or"},
        "secrets": {"variables": {"TAGGED": "the group's"}},
    }
    session.api.call("PUT", "/secrets", group).data  # noqa: B018  raises what the API refuses
    command = """python -c 'import os; print(os.environ.get("TAGGED"))'"""
    job = session.scenario.create("tagged", command, tags=[tag])
    run = session.scenario.start(job)
    session.scenario.concluded(run)
    lines = session.scenario.raw_lines(run)
    seen = f"the same tag again: {again.status}; a job with the tag has `{lines[0]}`"
    return judged(again.status == 409 and lines[0].endswith("the group's"), seen)


def _patched_secrets(session: Session) -> Verdict:
    group: Json = {
        "name": session.names.of("patched"),
        "secretType": "environment",
        "priority": 1,
        # Restricted to no job: an unrestricted group would reach every job of the project.
        "restrictions": {"restricted": True},
        "secrets": {"variables": {"A": "1", "B": "2"}, "files": _FILE},
    }
    key = session.api.call("POST", "/secrets", group).data["id"]
    patch: Json = {"secrets": {"variables": {"C": "3"}}}
    session.api.call("PATCH", f"/secrets/{key}", patch).data  # noqa: B018  raises what the API refuses
    secrets = sorted(session.api.call("GET", f"/secrets/{key}").data["secrets"])
    return judged(secrets == ["/etc/file", "C"], f"afterwards it has {', '.join(secrets)}")


PROBES: tuple[Probe, ...] = (
    choice("patched-secrets", _patched_secrets),
    inference(
        "group-restricted", "a secret group reaches the jobs that it names, and no others", _restricted,
        relied_on="keys of Prefect's API reach only the jobs of their work pool",
    ),
    inference(
        "group-by-tag", "a secret group reaches jobs by their tags; creating a tag again is 409", _by_tag,
        relied_on="each work pool's secrets are in a group with its tag",
    ),
    inference(
        "own-variables-win", "a job's own variable wins over that of a secret group", _own_wins,
        relied_on="job variables override what a group sets",
    ),
)  # fmt: skip
