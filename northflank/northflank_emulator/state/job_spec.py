"""The specification of a job, in the one form to which all request bodies are converted."""

from __future__ import annotations

from typing import cast

from northflank_emulator.choices import Choices, DefaultBackoff, PatchedEnvironment, PatchedSettings
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.state.models import JobType

_LIMITS = ("backoffLimit", "activeDeadlineSeconds", "runOnSourceChange")
_CRON = ("schedule", "suspended", "concurrencyPolicy")
_ONE_SOURCE = ("external", "internal", "vcs")
DEFAULT_GRACE_SECONDS = 30


def part(spec: JsonObject, *path: str) -> JsonObject:
    """Return the object at *path* of a checked body, or an empty one."""
    found: object = spec
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def variables(spec: JsonObject, *path: str) -> dict[str, str]:
    """Return the map of strings at *path* of a checked body."""
    return {name: str(value) for name, value in part(spec, *path).items()}


def from_general(body: JsonObject) -> JsonObject:
    """Convert the body of `/jobs`, which already has the general form."""
    return {name: value for name, value in body.items() if name != "name"}


def from_manual(body: JsonObject) -> JsonObject:
    """Convert the body of `/jobs/manual`, which has limits at the top level."""
    return _nested(body, ())


def from_cron(body: JsonObject) -> JsonObject:
    """Convert the body of `/jobs/cron`, which has limits and schedule at the top level."""
    return _nested(body, _CRON)


def type_of(spec: JsonObject) -> JobType:
    """Return the type of a job; a cron job has `settings.cron`."""
    return JobType.CRON if "cron" in part(spec, "settings") else JobType.MANUAL


def patched(spec: JsonObject, patch: JsonObject, choices: Choices) -> JsonObject:
    """Return *spec* after a partial update.

    Whether `settings`, `settings.cron`, `billing` and the environment are merged or replaced is for *choices* to say
    (undocumented); every other field is replaced. `stageId: null` removes it.
    """
    merged: JsonObject = {**spec, **patch}
    merge_settings = choices.patched_settings is PatchedSettings.MERGED
    names = ["settings", "billing"] if merge_settings else []
    if choices.patched_environment is PatchedEnvironment.MERGED:
        names.append("runtimeEnvironment")
    for name in names:
        if name in patch:
            merged[name] = {**part(spec, name), **part(patch, name)}
    if merge_settings and "cron" in part(patch, "settings"):
        cron: JsonObject = {**part(spec, "settings", "cron"), **part(patch, "settings", "cron")}
        merged["settings"] = {**part(merged, "settings"), "cron": cron}
    return {name: value for name, value in merged.items() if value is not None}


def replaced(spec: JsonObject, new: JsonObject, *, merge: bool) -> JsonObject:
    """Return *spec* after a `PUT` of *new*; with *merge*, what *new* does not name stays."""
    if not merge:
        return new
    merged: JsonObject = {**spec, **new}
    for name in ("settings", "billing", "runtimeEnvironment"):
        merged[name] = {**part(spec, name), **part(new, name)}
    return merged


def with_backoff(spec: JsonObject, default: DefaultBackoff) -> JsonObject:
    """Return *spec* with the default `backoffLimit` if it has none (undocumented)."""
    settings = part(spec, "settings")
    if default is DefaultBackoff.NONE or "backoffLimit" in settings:
        return spec
    return {**spec, "settings": {**settings, "backoffLimit": int(default.value)}}


def with_deployment(spec: JsonObject, deployment: JsonObject) -> JsonObject:
    """Return *spec* with a new image or command; a new source replaces the old one."""
    old = part(spec, "deployment")
    if any(source in deployment for source in _ONE_SOURCE):
        old = {name: value for name, value in old.items() if name not in _ONE_SOURCE}
    return {**spec, "deployment": {**old, **deployment}}


def effective(spec: JsonObject, overrides: JsonObject) -> JsonObject:
    """Return the specification of a run: *spec* with the run's overrides."""
    merged = with_deployment(spec, part(overrides, "deployment"))
    for name in ("runtimeEnvironment", "runtimeFiles", "dockerSecretMounts", "billing"):
        merged[name] = {**part(spec, name), **part(overrides, name)}
    return merged


def whole(value: object, default: int) -> int:
    """Return *value* if it is a whole number, else *default*."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def backoff_limit(spec: JsonObject) -> int:
    """Return how often a failed run is retried, by default never (undocumented)."""
    return whole(part(spec, "settings").get("backoffLimit"), 0)


def deadline_seconds(spec: JsonObject) -> int | None:
    """Return how long all attempts of a run may take together; None for no limit."""
    value = part(spec, "settings").get("activeDeadlineSeconds")
    return value if isinstance(value, int) else None


def grace_seconds(spec: JsonObject) -> int:
    """Return the time between SIGTERM and SIGKILL."""
    return whole(part(spec, "deployment").get("gracePeriodSeconds"), DEFAULT_GRACE_SECONDS)


def _nested(body: JsonObject, cron: tuple[str, ...]) -> JsonObject:
    settings: JsonObject = {name: body[name] for name in _LIMITS if name in body}
    if cron:
        settings["cron"] = {name: body[name] for name in cron if name in body}
    top = {*_LIMITS, *cron, "name"}
    return {
        **{name: value for name, value in body.items() if name not in top},
        "settings": settings,
    }
