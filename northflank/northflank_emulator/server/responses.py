"""The emulator's values as documents of the API's responses."""

from __future__ import annotations

from northflank_emulator.choices import (
    AbortedRun,
    ActiveConcludedAt,
    BuildInputs,
    Choices,
    LogPrefix,
)
from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.state.clock import iso
from northflank_emulator.state.job_spec import backoff_limit, part
from northflank_emulator.state.models import (
    AccountItem,
    Build,
    Builder,
    BuildService,
    BuildStatus,
    Container,
    Ending,
    Job,
    JobType,
    LogLine,
    Project,
    Run,
    SecretGroup,
    Webhook,
)

CLUSTER: JsonObject = {
    "id": "nf-europe-west",
    "name": "nf-europe-west",
    "namespace": "ns-emulator",
    "loadBalancers": [],
}
_REGION = "europe-west"
_GIVEN = frozenset({"buildArguments", "buildFiles", "dockerSecretMounts"})
"""The inputs of builds, which may hold secrets."""


def _app_id(project: str, job: str) -> str:
    return f"/user/{project}/{job}"


def _only(spec: JsonObject, *names: str) -> JsonObject:
    return {name: spec[name] for name in names if name in spec}


def job_created(job: Job, builds: list[Build]) -> JsonObject:
    """Return the response to create, update and patch: the request's fields and the new job's."""
    return {
        **job.spec,
        "id": job.id,
        "name": job.name,
        "appId": _app_id(job.project, job.id),
        "jobType": job.type.value,
        "cluster": CLUSTER,
        "status": _build_status(builds),
        "createdAt": iso(job.created_at),
        "updatedAt": iso(job.updated_at),
    }


def _build_status(builds: list[Build]) -> JsonObject:
    """Return the status of a job or a service whose latest build is the last of *builds*."""
    if not builds:
        return {}
    changed = builds[-1].concluded_at or builds[-1].created_at
    return {
        "build": {"status": builds[-1].status.value, "lastTransitionTime": iso(changed)},
    }


def job_created_flat(job: Job, builds: list[Build]) -> JsonObject:
    """Return the same for `/jobs/manual` and `/jobs/cron`, which have settings at the top level."""
    document = job_created(job, builds)
    settings = part(document, "settings")
    document.pop("settings", None)
    limits = {name: value for name, value in settings.items() if name != "cron"}
    return {**document, **limits, **part(settings, "cron")}


def job_listed(job: Job) -> JsonObject:
    """Return a job as listed: without run status and settings."""
    return {
        "id": job.id,
        "uid": job.uid,
        "projectId": job.project,
        "appId": _app_id(job.project, job.id),
        "name": job.name,
        **_only(job.spec, "description", "stageId"),
        "tags": job.spec.get("tags", []),
        "jobType": job.type.value,
        "disabledCI": bool(job.spec.get("disabledCI", False)),
        "disabledCD": job.disabled_cd,
        **({"suspended": job.suspended} if job.type is JobType.CRON else {}),
    }


def job_read(job: Job) -> JsonObject:
    """Return a single job: without its environment, its labels and its external image."""
    settings = part(job.spec, "settings")
    shown: JsonObject = {
        "backoffLimit": backoff_limit(job.spec),
        "activeDeadlineSeconds": settings.get("activeDeadlineSeconds"),
        **_only(settings, "runOnSourceChange"),
    }
    if job.type is JobType.CRON:
        shown["cron"] = _cron(part(settings, "cron"))
    deployment = part(job.spec, "deployment")
    vcs = part(deployment, "vcs")
    return {
        **job_listed(job),
        "createdAt": iso(job.created_at),
        "deployment": {"region": _REGION, **_only(deployment, "docker", "buildpack", "storage")},
        "billing": _only(part(job.spec, "billing"), "deploymentPlan"),
        "settings": shown,
        **_only(job.spec, "buildConfiguration", "buildSettings"),
        **({"vcsData": _vcs(vcs, part(job.spec, "buildSettings", "dockerfile"))} if vcs else {}),
        "cluster": CLUSTER,
    }


def _cron(cron: JsonObject) -> JsonObject:
    shown = _only(cron, "schedule")
    if "concurrencyPolicy" in cron:
        shown["concurrencyPolicy"] = str(cron["concurrencyPolicy"]).capitalize()
    return shown


def _vcs(vcs: JsonObject, dockerfile: JsonObject) -> JsonObject:
    return {
        **_only(vcs, "projectUrl", "projectType", "projectBranch", "selfHostedVcsId"),
        **_paths(dockerfile),
    }


def _paths(dockerfile: JsonObject) -> JsonObject:
    return {
        "dockerFilePath": dockerfile.get("dockerFilePath", "/Dockerfile"),
        "dockerWorkDir": dockerfile.get("dockerWorkDir", "/"),
    }


def deployment(job: Job, builder: Builder, build: Build | None) -> JsonObject:
    """Return the response to `GET …/deployment`, the only one that shows the image."""
    spec = part(job.spec, "deployment")
    shown: JsonObject = {
        "region": _REGION,
        "instances": 0,
        **_only(spec, "docker", "buildpack", "storage"),
    }
    external = part(spec, "external")
    if external:
        shown["external"] = {
            "imagePath": external["imagePath"],
            "registryProvider": "dockerhub",
            "privateImage": "credentials" in external,
        }
    elif "internal" in spec or "vcs" in spec:
        internal = part(spec, "internal")
        shown["internal"] = {
            "nfObjectId": builder.id,
            "nfObjectType": builder.kind.value,
            "appId": _app_id(builder.project, builder.id),
            "branch": build.branch if build else internal.get("branch", ""),
            "buildId": build.id if build else internal.get("buildId", ""),
            "buildSHA": build.sha if build else internal.get("buildSHA", "latest"),
        }
    return shown


def run(it: Run, choices: Choices) -> JsonObject:
    """Return a run. Of its three statuses, an aborted run has the one that *choices* names."""
    conclusion = it.conclusion
    status = _status(it, choices)
    return {
        "id": it.id,
        "runName": it.name,
        "status": status,
        "concluded": conclusion is not None,
        "active": 0 if conclusion else 1,
        "succeeded": 1 if status == "SUCCESS" else 0,
        "failed": 1 if status == "FAILED" else 0,
        "completions": 1,
        "backoffLimit": backoff_limit(it.spec),
        "startedAt": iso(it.started_at),
        **_concluded_at(it, choices),
    }


def _concluded_at(it: Run, choices: Choices) -> JsonObject:
    if it.conclusion is not None:
        return {"concludedAt": iso(it.conclusion.at)}
    return {"concludedAt": None} if choices.active_concluded_at is ActiveConcludedAt.NULL else {}


def _status(it: Run, choices: Choices) -> str:
    if it.conclusion is None:
        return "RUNNING"
    match it.conclusion.ending:
        case Ending.SUCCEEDED:
            return "SUCCESS"
        case Ending.ABORTED:
            return "RUNNING" if choices.aborted_run is AbortedRun.RUNNING else "FAILED"
        case Ending.FAILED | Ending.DEADLINE | Ending.LOST:
            return "FAILED"


def container(it: Container) -> JsonObject:
    """Return a container; its times are in seconds since 1970."""
    return {
        "name": it.name,
        "status": it.status.value,
        "createdAt": int(it.created_at.timestamp()),
        "updatedAt": int(it.updated_at.timestamp()),
        "nodeName": "emulator-node-1",
    }


def log_line(line: LogLine, choices: Choices) -> JsonObject:
    """Return a log line with the prefix of the container runtime in front of its text."""
    prefix = f"{line.stream.value} {'P' if line.partial else 'F'} "
    if choices.log_prefix is LogPrefix.TIME_AND_STREAM:
        prefix = f"{line.at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {prefix}"
    return {"containerId": line.container, "log": prefix + line.text, "ts": iso(line.at)}


def build(it: Build) -> JsonObject:
    """Return a build."""
    return {
        "id": it.id,
        "branch": it.branch,
        "sha": it.sha,
        "status": it.status.value,
        "concluded": it.concluded_at is not None,
        "success": it.status is BuildStatus.SUCCESS,
        "createdAt": iso(it.created_at),
        "message": None,
        "registry": {"uri": it.image},
        **({"pullRequestId": it.pull_request} if it.pull_request is not None else {}),
        **({"buildConcludedAt": it.concluded_at.timestamp()} if it.concluded_at else {}),
    }


def service_created(it: BuildService, builds: list[Build]) -> JsonObject:
    """Return the response to create, update and patch: the request's fields and the new service's."""
    return {
        **it.spec,
        "id": it.id,
        "name": it.name,
        "appId": _app_id(it.project, it.id),
        "serviceType": "build",
        "cluster": CLUSTER,
        "status": _build_status(builds),
        "createdAt": iso(it.created_at),
        "updatedAt": iso(it.updated_at),
    }


def service_listed(it: BuildService, builds: list[Build]) -> JsonObject:
    """Return a build service as listed."""
    return {
        "id": it.id,
        "uid": it.uid,
        "projectId": it.project,
        "appId": _app_id(it.project, it.id),
        "name": it.name,
        **_only(it.spec, "description", "stageId"),
        "tags": it.spec.get("tags", []),
        "serviceType": "build",
        "disabledCI": bool(it.spec.get("disabledCI", False)),
        "disabledCD": False,
        "status": _build_status(builds),
    }


def service_read(it: BuildService, builds: list[Build], choices: Choices) -> JsonObject:
    """Return a single build service, by default without the inputs of its builds."""
    hidden = _GIVEN if choices.build_inputs is BuildInputs.HIDDEN else frozenset()
    shown = {
        name: value for name, value in service_created(it, builds).items() if name not in hidden
    }
    vcs = part(it.spec, "vcsData")
    if vcs:
        shown["vcsData"] = {**vcs, **_paths(part(it.spec, "buildSettings", "dockerfile"))}
    return {**shown, "uid": it.uid}


def project_listed(it: Project) -> JsonObject:
    """Return a project as listed."""
    return {
        "id": it.id,
        "uid": it.uid,
        "name": it.name,
        **_only(it.spec, "description"),
        "lifecycleStatus": "created",
    }


def project_read(it: Project, jobs: list[Job], services: list[BuildService]) -> JsonObject:
    """Return a project with its jobs and build services; addons and other services are not emulated."""
    listed: list[Json] = [
        {
            "id": job.id,
            "uid": job.uid,
            "appId": _app_id(job.project, job.id),
            "name": job.name,
            "description": job.spec.get("description", ""),
            "jobType": job.type.value,
        }
        for job in jobs
    ]
    building: list[Json] = [
        {
            **_only(service_listed(service, []), "id", "uid", "appId", "name", "serviceType"),
            "description": service.spec.get("description", ""),
        }
        for service in services
    ]
    return {
        **project_listed(it),
        "deployment": {"region": it.spec.get("region", _REGION)},
        "cluster": CLUSTER,
        "createdAt": iso(it.created_at),
        "services": building,
        "jobs": listed,
        "addons": [],
    }


def secret_listed(it: SecretGroup) -> JsonObject:
    """Return a secret group as listed, without its secrets."""
    return {
        "id": it.id,
        "name": it.name,
        "projectId": it.project,
        **_only(it.spec, "description", "stageId"),
        "secretType": it.spec["secretType"],
        "type": it.spec.get("type", "secret"),
        "priority": it.spec["priority"],
        "tags": it.spec.get("tags", []),
        "restrictions": it.spec.get("restrictions", {"restricted": False}),
    }


def secret_read(it: SecretGroup) -> JsonObject:
    """Return a secret group with its secrets; variables and files share one object."""
    return {
        **secret_listed(it),
        "createdAt": iso(it.created_at),
        "updatedAt": iso(it.updated_at),
        "secrets": {
            **part(it.spec, "secrets", "variables"),
            **part(it.spec, "secrets", "files"),
        },
    }


def secret_created(it: SecretGroup) -> JsonObject:
    """Return the response to create and update, without the secrets."""
    return {
        "id": it.id,
        "name": it.name,
        **{name: value for name, value in it.spec.items() if name != "secrets"},
        "createdAt": iso(it.created_at),
        "updatedAt": iso(it.updated_at),
    }


def tag(it: AccountItem) -> JsonObject:
    """Return a tag."""
    return {"id": it.id, "name": it.name, **it.spec, "createdAt": iso(it.created_at)}


def registry(it: AccountItem) -> JsonObject:
    """Return a registry credential, without user name and password."""
    credentials: JsonObject = {"scope": {"pull": True, "push": False}}
    credentials.update(_only(part(it.spec, "credentials"), "scope"))
    return {
        "id": it.id,
        "name": it.name,
        **{name: value for name, value in it.spec.items() if name != "credentials"},
        "credentials": credentials,
        "registryCredentialRefresh": {"status": "healthy", "failureCount": 0, "retryDelay": 0},
        "createdAt": iso(it.created_at),
    }


def webhook(it: Webhook) -> JsonObject:
    """Return a notification integration, without its secret."""
    status: JsonObject = {"disabled": it.disabled, "numberOfFailedRequests": it.failures}
    if it.first_failure_at is not None:
        status["timeOfFirstFailedRequest"] = iso(it.first_failure_at)
    return {
        "id": it.id,
        "name": it.name,
        "projects": it.spec.get("projects", []),
        "restricted": bool(it.spec.get("restricted", False)),
        **_only(it.spec, "type", "webhook", "events"),
        "status": status,
        "createdAt": iso(it.created_at),
        "updatedAt": iso(it.updated_at),
    }
