"""Probes of what belongs to the account: plans, regions, tokens, notifications."""

from __future__ import annotations

from prefect_northflank.api.plans import COMPUTE_PLANS
from prefect_northflank.api.responses import plans_of

from tests.live.facts import Verdict, judged, not_tried
from tests.live.probe import Probe, Session, choice, inference, untried_choice

_GPU_VCPU, _GPU_MEMORY_MB = 8, 40960


def _published_plans(session: Session) -> Verdict:
    listed = {it.id: it for it in plans_of(session.api.call("GET", "/v1/plans").data)}
    differing = [it.id for it in COMPUTE_PLANS if listed.get(it.id) != it]
    seen = (
        f"differing: {', '.join(differing)}" if differing else f"{len(COMPUTE_PLANS)} are the same"
    )
    return judged(not differing, seen)


def _gpu_plans(session: Session) -> Verdict:
    plans = [it for it in plans_of(session.api.call("GET", "/v1/plans").data) if it.gpus]
    if not plans:
        return not_tried("Northflank lists no plan with GPUs")
    sizes = {
        it.id: (it.cpu, it.memory)
        for it in plans
        if (it.cpu, it.memory) != (_GPU_VCPU * it.gpus, _GPU_MEMORY_MB * it.gpus)
    }
    others = ", ".join(
        f"`{name}` {cpu:g} vCPU and {memory} MB" for name, (cpu, memory) in sizes.items()
    )
    return judged(not sizes, others or f"so have all {len(plans)}")


def _public_plans(session: Session) -> Verdict:
    answers = [session.api.call("GET", path, token="") for path in ("/v1/plans", "/v1/regions")]
    return judged(all(it.is_success for it in answers), "; ".join(map(str, answers)))


def _unknown_region(session: Session) -> Verdict:
    projects, name = f"{session.api.account}/projects", session.names.of("project")
    deleted = session.api.call("DELETE", f"{projects}/{name}")
    if deleted.status == 403:
        return not_tried(f"the token lacks a permission: {deleted}")
    answer = session.api.call("POST", projects, {"name": name, "region": "nowhere-west"})
    if answer.status == 403:
        return not_tried(f"the token lacks a permission: {answer}")
    return judged(answer.status == 400, str(answer))


def _wrong_token(session: Session) -> Verdict:
    answer = session.api.call("GET", "/jobs", token="not-a-token")
    return judged(answer.status == 401, str(answer))


def _success_status(session: Session) -> Verdict:
    seen = ", ".join(
        f"{count} of status {status}" for status, count in session.api.successes.items()
    )
    return judged(set(session.api.successes) == {200}, seen)


PROBES: tuple[Probe, ...] = (
    choice("gpu-plans", _gpu_plans),
    inference("published-plans", "the plans without GPUs and their prices are as published", _published_plans),
    inference("public-plans", "plans and regions are listed without a token", _public_plans),
    choice("unknown-region", _unknown_region),
    inference(
        "wrong-token", "a wrong token is 401", _wrong_token,
        relied_on="then the worker reads its token again",
    ),
    inference("success-status", "every success is 200", _success_status),
    untried_choice("counted-tokens", "it takes a second token of the account"),
    untried_choice(
        "run-events", "it takes an address that Northflank can reach, and a notification in the account"
    ),
)  # fmt: skip
