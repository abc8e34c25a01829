"""Maps job variables to the bodies of the requests for a job and its run: pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from prefect_northflank.api.plans import PUBLISHED
from prefect_northflank.api.responses import Json, JsonObject
from prefect_northflank.errors import ConfigurationError, Refusals
from prefect_northflank.job import names, variable_rules
from prefect_northflank.job.settings import DEFAULT_IMAGE, DockerConfigType, JobSettings

_RUN_DEPLOYMENT = ("external", "internal", "docker", "storage")
"""Parts of `deployment` that a run may override (docs: run job); the others belong to the job."""

_LASTING_LABELS = frozenset(
    f"prefect.io/{of}-{what}"
    for of in ("flow", "deployment", "work-pool")
    for what in ("id", "name")
)
"""Prefect's labels that a lasting job carries. The others (worker, version, time of the last change) would make it another
job whenever they change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a job is for: one submission of one flow run."""

    flow_run_id: UUID
    name: str
    """Readable part of the job's name."""
    command: str
    env: Mapping[str, str]
    """Plain environment; secrets are not in it."""
    labels: Mapping[str, str]
    submission_id: str
    """Four hexadecimal digits that differ between submissions of one flow run."""
    lasting_name: str = ""
    """Readable name of the flow and deployment that a lasting job serves."""
    lasting_pool: str = ""
    """Id of the work pool to which a lasting job belongs."""
    lasting_served: str = ""
    """Id of the deployment that a lasting job serves, or of the flow if there is none."""
    tags: Sequence[str] = ()
    """Tags that admit the job to secret groups, in addition to those of the job variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """The request for a job: its body, and what its run overrides."""

    name: str
    body: JsonObject
    overrides: JsonObject
    lasting: bool

    @property
    def builds(self) -> bool:
        """Whether the job's image is built from a repository."""
        return "vcs" in _object(self.body.get("deployment"))

    @property
    def runs_a_build(self) -> bool:
        """Whether a build service builds the job's image."""
        return "internal" in _object(self.body.get("deployment"))

    @property
    def tags(self) -> Sequence[str]:
        """The tags of the job."""
        tags = self.body.get("tags")
        return [str(tag) for tag in tags] if isinstance(tags, list) else ()

    def overrides_with(self, environment: Mapping[str, str]) -> JsonObject:
        """Return what the run overrides, with more variables for its container."""
        if not environment:
            return self.overrides
        known = _object(self.overrides.get("runtimeEnvironment"))
        return {**self.overrides, "runtimeEnvironment": {**known, **environment}}


def request_for(subject: Subject, variables: JobSettings) -> JobRequest:
    """Return the request for the job of *subject* with these *variables*.

    Raises:
        ConfigurationError: the variables contradict each other.
    """
    refuse_contradictions(variables)
    return _single(subject, variables) if variables.cleanup_job else _lasting(subject, variables)


def refuse_contradictions(variables: JobSettings) -> None:
    """Check the variables that depend on each other.

    Raises:
        ConfigurationError: some contradict each other, or are missing.
    """
    refusals = Refusals()
    for refused in variable_rules.broken(
        {name: getattr(variables, name) for name in type(variables).model_fields}
    ):
        with refusals.gathering():
            raise refused
    with refusals.gathering():
        _source(variables)
    with refusals.gathering():
        _docker("", variables)
    with refusals.gathering():
        _gpu(variables)
    refusals.raise_all()


def _single(subject: Subject, variables: JobSettings) -> JobRequest:
    name = names.job_of_run(subject.name, subject.flow_run_id, subject.submission_id)
    text = variables.description or f"Prefect flow run {subject.name} ({subject.flow_run_id})"
    body = _body(subject, variables, labels=subject.labels) | {
        "name": name,
        "description": names.description(text),
        "runtimeEnvironment": _json(dict(subject.env)),
    }
    return JobRequest(
        name=name, body=_merged(body, variables.job_body), overrides={}, lasting=False
    )


def _lasting(subject: Subject, variables: JobSettings) -> JobRequest:
    labels = {key: value for key, value in subject.labels.items() if _is_lasting_label(key)}
    whole = _merged(_body(subject, variables, labels=labels), variables.job_body)
    overrides = _overrides(whole) | {"runtimeEnvironment": _json(dict(subject.env))}
    # What a run may override is not part of the job's identity: with another image it stays the same job.
    settings = {
        key: value
        for key, value in whole.items()
        if key not in {"runtimeEnvironment", "runtimeFiles"}
    }
    settings["deployment"] = {
        key: value
        for key, value in _object(whole.get("deployment")).items()
        if key not in _RUN_DEPLOYMENT
    }
    settings["billing"] = {
        key: value
        for key, value in _object(whole.get("billing")).items()
        if key != "deploymentPlan"
    }
    name = names.lasting_job(
        subject.lasting_name or subject.name,
        pool=subject.lasting_pool,
        served=subject.lasting_served,
        settings=json.dumps(settings, sort_keys=True),
    )
    text = variables.description or f"Prefect deployment {subject.lasting_name or subject.name}"
    body = {"name": name, "description": names.description(text)} | whole
    return JobRequest(name=name, body=body, overrides=overrides, lasting=True)


def _is_lasting_label(key: str) -> bool:
    """Return whether a label has the same value in every flow run, on every worker, in every version of Prefect."""
    return not key.startswith("prefect.io/") or key in _LASTING_LABELS


def digest(body: JsonObject) -> str:
    """Return a fingerprint of *body*, so that equal bodies are not put twice."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _overrides(whole: JsonObject) -> JsonObject:
    deployment = _object(whole.get("deployment"))
    plan = _object(whole.get("billing")).get("deploymentPlan")
    return _present(
        {
            "billing": {"deploymentPlan": plan} if plan else None,
            "deployment": {key: deployment[key] for key in _RUN_DEPLOYMENT if key in deployment}
            or None,
            "runtimeFiles": whole.get("runtimeFiles"),
        }
    )


def _body(subject: Subject, variables: JobSettings, *, labels: Mapping[str, str]) -> JsonObject:
    tags = list(dict.fromkeys([*(variables.tags or []), *subject.tags]))
    architecture = variables.infrastructure_architecture
    return _present(
        {
            "tags": _json(tags) if tags else None,
            "infrastructure": {"architecture": architecture.value} if architecture else None,
            "billing": _present(
                {
                    "deploymentPlan": variables.plan_by(PUBLISHED),
                    "buildPlan": variables.billing_build_plan,
                    "gpu": _gpu(variables),
                }
            ),
            "deployment": _deployment(subject, variables, labels=labels),
            "buildSettings": _build_settings(variables),
            "buildConfiguration": _build_configuration(variables),
            "buildArguments": _json(variables.build_arguments),
            "runtimeFiles": _files(variables),
            "healthChecks": _json(variables.health_checks),
            "settings": {
                # Northflank's own retries would execute a flow a second time from its start (a run that is RUNNING,
                # FAILED or CRASHED in Prefect is executed again); the worker does the retries that are safe.
                "backoffLimit": 0,
                "activeDeadlineSeconds": variables.settings_active_deadline_seconds,
                "runOnSourceChange": variables.settings_run_on_source_change.value,
            },
        }
    )


def _deployment(
    subject: Subject, variables: JobSettings, *, labels: Mapping[str, str]
) -> JsonObject:
    shown = {key: names.label(value) for key, value in labels.items()}
    return _source(variables) | _present(
        {
            "docker": _docker(subject.command, variables),
            "storage": _storage(variables),
            "gpu": _gpu(variables),
            "gracePeriodSeconds": variables.deployment_grace_period_seconds,
            "metadata": {"labels": _json({key: value for key, value in shown.items() if value})},
        }
    )


def _source(variables: JobSettings) -> JsonObject:
    external = _present(
        {
            "imagePath": variables.deployment_external_image_path,
            "credentials": variables.deployment_external_credentials,
        }
    )
    internal = _present(
        {
            "id": variables.deployment_internal_id,
            "branch": variables.deployment_internal_branch,
            "buildSHA": variables.deployment_internal_build_sha,
            "buildId": variables.deployment_internal_build_id,
        }
    )
    vcs = _vcs(variables)
    chosen = [
        name
        for name, part in (("external", external), ("internal", internal), ("vcs", vcs))
        if part
    ]
    if len(chosen) > 1:
        raise ConfigurationError(
            what=f"deployment_{chosen[0]}_* and deployment_{chosen[1]}_*",
            why="a job has one source: an external image, a build service, or a repository",
            remedy="keep the variables of one of them",
        )
    if internal:
        return {"internal": _with("internal", internal, ("id",))}
    if vcs:
        return {"vcs": _with("vcs", vcs, ("projectUrl", "projectType", "projectBranch"))}
    image: JsonObject = {"imagePath": DEFAULT_IMAGE}
    return {"external": image | external}


def _vcs(variables: JobSettings) -> JsonObject:
    kind = variables.deployment_vcs_project_type
    return _present(
        {
            "projectUrl": variables.deployment_vcs_project_url,
            "projectType": kind.value if kind else None,
            "projectBranch": variables.deployment_vcs_project_branch,
            "selfHostedVcsId": variables.deployment_vcs_self_hosted_vcs_id,
            "accountLogin": variables.deployment_vcs_account_login,
            "vcsLinkId": variables.deployment_vcs_vcs_link_id,
        }
    )


_VARIABLE_OF = {
    "id": "id",
    "projectUrl": "project_url",
    "projectType": "project_type",
    "projectBranch": "project_branch",
}


def _with(source: str, part: JsonObject, required: tuple[str, ...]) -> JsonObject:
    missing = [f"deployment_{source}_{_VARIABLE_OF[key]}" for key in required if key not in part]
    if missing:
        raise ConfigurationError(
            what=f"deployment_{source}_*",
            why=", ".join(f"{variable} is missing" for variable in missing),
            remedy=f"set {' and '.join(missing)}",
        )
    return part


def _docker(command: str, variables: JobSettings) -> JsonObject:
    kind = variables.deployment_docker_config_type
    entrypoint = variables.deployment_docker_custom_entrypoint
    # A user who names an entrypoint wants it: the default type would silently keep the image's own.
    if entrypoint and kind is DockerConfigType.CUSTOM_COMMAND:
        kind = DockerConfigType.CUSTOM_ENTRYPOINT_CUSTOM_COMMAND
    takes_entrypoint = kind in {
        DockerConfigType.CUSTOM_ENTRYPOINT,
        DockerConfigType.CUSTOM_ENTRYPOINT_CUSTOM_COMMAND,
    }
    if takes_entrypoint and not entrypoint:
        raise ConfigurationError(
            what=f"deployment_docker_config_type {kind.value}",
            why="it needs an entrypoint",
            remedy="set deployment_docker_custom_entrypoint",
        )
    takes_command = kind in {
        DockerConfigType.CUSTOM_COMMAND,
        DockerConfigType.CUSTOM_ENTRYPOINT_CUSTOM_COMMAND,
    }
    return _present(
        {
            "configType": kind.value,
            "customEntrypoint": entrypoint if takes_entrypoint else None,
            "customCommand": command if takes_command else None,
        }
    )


def _storage(variables: JobSettings) -> JsonObject | None:
    ephemeral = variables.deployment_storage_ephemeral_storage_size
    storage = _present(
        {
            "ephemeralStorage": {"storageSize": ephemeral} if ephemeral else None,
            "shmSize": variables.deployment_storage_shm_size,
        }
    )
    return storage or None


def _gpu(variables: JobSettings) -> JsonObject | None:
    if not variables.billing_gpu_enabled:
        return None
    if not variables.billing_gpu_type:
        raise ConfigurationError(
            what="billing_gpu_enabled",
            why="Northflank needs to know which GPU",
            remedy="set billing_gpu_type, such as h100-80",
        )
    return {
        "enabled": True,
        "configuration": _present(
            {
                "gpuType": variables.billing_gpu_type,
                "gpuCount": variables.billing_gpu_count,
                "timesliced": variables.billing_gpu_timesliced,
            }
        ),
    }


def _build_settings(variables: JobSettings) -> Json:
    if not variables.deployment_vcs_project_url:
        return None
    default: JsonObject = {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}}
    return _json(variables.build_settings) or default


def _build_configuration(variables: JobSettings) -> Json:
    given = _object(_json(variables.build_configuration or {}))
    credentials = variables.build_configuration_docker_credentials
    return (given | ({"dockerCredentials": _json(credentials)} if credentials else {})) or None


def _files(variables: JobSettings) -> Json:
    return {
        path: {"data": base64.b64encode(text.encode()).decode(), "encoding": "utf-8"}
        for path, text in (variables.runtime_files or {}).items()
    } or None


def _merged(body: JsonObject, over: Mapping[str, object]) -> JsonObject:
    """Return *body* with *over* merged into it: objects are merged, everything else is replaced."""
    merged = dict(body)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            _merged(below, value)
            if isinstance(below, dict) and isinstance(value, dict)
            else _json(value)
        )
    return merged


def _present(fields: Mapping[str, Json]) -> JsonObject:
    return {key: value for key, value in fields.items() if value is not None}


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _json(value: object) -> Json:
    """Return *value* as JSON, which it is because it came from the JSON of a work pool or deployment."""
    return cast("Json", value)
