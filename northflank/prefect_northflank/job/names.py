"""Turns names that users chose into names that Northflank accepts: readable, valid, without collisions."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from uuid import UUID

MAX_JOB_NAME = 52
"""Longest job name (API field `name` of a job)."""

_HEX_ID = 32
_SUBMISSION = 4
_DIGEST = 8
_RUN_JOB = re.compile(rf"-([0-9a-f]{{{_HEX_ID}}})-[0-9a-f]{{{_SUBMISSION}}}$")
_LASTING_JOB = re.compile(
    rf"-(?P<pool>[0-9a-f]{{{_DIGEST}}})-(?P<served>[0-9a-f]{{{_DIGEST}}})-[0-9a-f]{{{_DIGEST}}}$"
)
_FORMER_LASTING_JOB = re.compile(rf"-[0-9a-f]{{{_DIGEST}}}$")
_DESCRIPTION_REFUSES = re.compile(r"[^a-zA-Z0-9.,?\s\\/'\"()\[\];`%^&*\-_:!]+")
_MAX_DESCRIPTION = 200
_MAX_LABEL = 63


def slug(text: str, *, limit: int, fallback: str = "flow") -> str:
    """Return *text* as lower-case words joined by `-`, starting with a letter, at most *limit* long.

    >>> slug("Zoë's flow__v2 (prod)", limit=40)
    'zoe-s-flow-v2-prod'
    >>> slug("2024: 東京", limit=40)
    'flow-2024'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not words:
        words = fallback
    if not words[0].isalpha():
        words = f"{fallback}-{words}"
    return words[:limit].strip("-")


def job_of_run(name: str, flow_run_id: UUID, submission_id: str) -> str:
    """Return the name of the job that serves one submission of one flow run.

    *submission_id* is four hexadecimal digits that differ between submissions of the same flow run
    (retry, resume), so that deleting the job of an old one can never hit the new one.

    >>> job_of_run("Digits Flow / nightly", UUID("07db3792-88ef-4719-9ee0-0da0dedca33b"), "c0de")
    'digits-flow-ni-07db379288ef47199ee00da0dedca33b-c0de'
    """
    tail = f"-{flow_run_id.hex}-{submission_id}"
    return slug(name, limit=MAX_JOB_NAME - len(tail)) + tail


def flow_run_of(job_name: str) -> UUID | None:
    """Return the flow run in a name made by `job_of_run`; None for any other job."""
    found = _RUN_JOB.search(job_name)
    return UUID(found.group(1)) if found else None


def submission_id_of(job_name: str) -> str | None:
    """Return the submission id in a name made by `job_of_run`; None for any other job."""
    return job_name[-_SUBMISSION:] if _RUN_JOB.search(job_name) else None


def job_of_container(container: str, flow_run_id: UUID) -> str | None:
    """Return the job name in a container's host name if `job_of_run` made it for this flow run.

    >>> flow_run = UUID("07db3792-88ef-4719-9ee0-0da0dedca33b")
    >>> job_of_container("etl-07db379288ef47199ee00da0dedca33b-c0de-5fcf67bc-x7k2p", flow_run)
    'etl-07db379288ef47199ee00da0dedca33b-c0de'
    """
    begin, found, end = container.partition(f"-{flow_run_id.hex}-")
    return begin + found + end[:_SUBMISSION] if found else None


def lasting_job(name: str, *, pool: str, served: str, settings: str) -> str:
    """Return the name of the job of work pool *pool* that runs every flow run of *served* with these *settings*.

    *pool* and *served* (a deployment, or a flow without one) are ids. They are in the name because a list of jobs shows
    no other field that can tell to which pool and deployment a job belongs.

    >>> lasting_job("digits/prod", pool="p1", served="d1", settings="{}")
    'digits-prod-f64551fc-8b53639f-44136fa3'
    """
    tail = "".join(f"-{_digest(part)}" for part in (pool, served, settings))
    return slug(name, limit=MAX_JOB_NAME - len(tail)) + tail


def lasts(job_name: str, *, pool: str, served: str | None = None) -> bool:
    """Return whether `lasting_job` made the name for this pool, and for *served* if that is given.

    >>> lasts("digits-prod-f64551fc-5ca7b109-44136fa3", pool="p1")
    True
    """
    found = _LASTING_JOB.search(job_name)
    if found is None or found.group("pool") != _digest(pool):
        return False
    return served is None or found.group("served") == _digest(served)


def lasted_before(job_name: str) -> bool:
    """Return whether an earlier version may have made the name for a lasting job; other jobs may have such names, too."""
    return bool(_FORMER_LASTING_JOB.search(job_name)) and not _LASTING_JOB.search(job_name)


def secret_group(pool: str, identity: str) -> str:
    """Return the name of the secret group (and of the tag that admits jobs to it) of a work pool."""
    digest = _digest(f"{pool}\0{identity}")
    return f"prefect-{slug(pool, limit=60, fallback='pool')}-{digest}"


def description(text: str) -> str:
    """Return *text* without what Northflank does not accept in descriptions, at most 200 characters.

    >>> description("run {x} of <etl> @ night")
    'run x of etl night'
    """
    kept = re.sub(r"\s+", " ", _DESCRIPTION_REFUSES.sub(" ", text)).strip()
    return kept[:_MAX_DESCRIPTION].strip() or "Prefect flow run"


def label(value: str) -> str:
    """Return *value* as a Kubernetes label value: at most 63 of `A-Za-z0-9._-`, alphanumeric at both ends.

    >>> label("my flow: v2!")
    'my-flow-v2'
    """
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", value)[:_MAX_LABEL]
    return kept.strip("-._")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
