"""Probes of build services, with one that builds bundles: it needs no repository, and nothing is built."""

from __future__ import annotations

from tests.live.api import Json, NotAllowed, Unexpected
from tests.live.facts import Verdict, judged, not_tried
from tests.live.probe import Probe, Session, choice

_DATA = "Zm9v"


def _service(session: Session, subject: str) -> str | Verdict:
    """Return the id of a new build service, or the verdict if the account can have none."""
    body: Json = {
        "name": session.names.of(subject),
        "billing": {},
        "buildSource": "bundle",
        "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
        "buildArguments": {"ARGUMENT": "1"},
        "buildFiles": {"/file": {"data": _DATA, "encoding": "utf-8"}},
    }
    try:
        return str(session.api.call("POST", "/services/build", body).data["id"])
    except NotAllowed:
        raise
    except Unexpected as refusal:
        return not_tried(
            f"it takes a build service, and one without a repository is refused: {refusal}"
        )


def _build_inputs(session: Session) -> Verdict:
    service = _service(session, "inputs")
    if isinstance(service, Verdict):
        return service
    shown = session.api.call("GET", f"/services/{service}").data
    inputs = [name for name in ("buildArguments", "buildFiles") if shown.get(name)]
    return judged(not inputs, f"it shows {' and '.join(inputs) or 'neither'}")


def _deployed_service(session: Session) -> Verdict:
    service = _service(session, "service")
    if isinstance(service, Verdict):
        return service
    job = session.scenario.create("deploys", deployment={"internal": {"id": service}})
    deleted = session.api.call("DELETE", f"/services/{service}")
    start = session.api.call("POST", f"/jobs/{job}/runs", {})
    return judged(deleted.is_success and not start.is_success, f"{deleted}; then {start}")


def _refused_start(session: Session) -> Verdict:
    paused = session.scenario.create("paused")
    session.api.call("POST", f"/jobs/{paused}/pause").data  # noqa: B018  raises what the API refuses
    jobs = {"paused": paused, "without an image": session.scenario.create("empty", deployment={})}
    service = _service(session, "unbuilt")
    if isinstance(service, str):
        deployment = {"internal": {"id": service}}
        jobs["without a build"] = session.scenario.create("unbuilt", deployment=deployment)
    starts = {what: session.api.call("POST", f"/jobs/{job}/runs", {}) for what, job in jobs.items()}
    seen = "; ".join(f"{what}: {start.status}" for what, start in starts.items())
    untried = "" if isinstance(service, str) else "; without a build: could not be tried"
    return judged({it.status for it in starts.values()} == {409}, seen + untried)


PROBES: tuple[Probe, ...] = (
    choice("refused-start", _refused_start),
    choice("build-inputs", _build_inputs),
    choice("deployed-service", _deployed_service),
)
