"""Which job variable determines which field in the body of a job; pure."""

from __future__ import annotations

_VARIABLES = {
    "billing.deploymentPlan": "billing_deployment_plan",
    "billing.buildPlan": "billing_build_plan",
    "gpu.configuration.gpuType": "billing_gpu_type",
    "gpu.configuration.gpuCount": "billing_gpu_count",
    "external.imagePath": "deployment_external_image_path",
    "external.credentials": "deployment_external_credentials",
    "internal.id": "deployment_internal_id",
    "internal.branch": "deployment_internal_branch",
    "internal.buildSHA": "deployment_internal_build_sha",
    "internal.buildId": "deployment_internal_build_id",
    "vcs.projectUrl": "deployment_vcs_project_url",
    "vcs.projectType": "deployment_vcs_project_type",
    "vcs.projectBranch": "deployment_vcs_project_branch",
    "docker.customCommand": "deployment_docker_custom_command",
    "docker.customEntrypoint": "deployment_docker_custom_entrypoint",
    "ephemeralStorage.storageSize": "deployment_storage_ephemeral_storage_size",
    "storage.shmSize": "deployment_storage_shm_size",
    "gracePeriodSeconds": "deployment_grace_period_seconds",
    "activeDeadlineSeconds": "settings_active_deadline_seconds",
    "infrastructure.architecture": "infrastructure_architecture",
    "runtimeEnvironment": "env",
    "runtimeFiles": "runtime_files",
    "healthChecks": "health_checks",
    "buildSettings": "build_settings",
    "buildConfiguration": "build_configuration",
    "buildArguments": "build_arguments",
    "tags": "tags",
}
"""The job variable by the end of the field's path in the body of `PUT /jobs`."""


def variables_named(message: str) -> tuple[str, ...]:
    """Return the job variables behind the fields that one of Northflank's messages is about.

    >>> variables_named("Invalid request body: billing.deploymentPlan is 'x', which is not a plan")
    ('billing_deployment_plan',)
    """
    words = [word.strip("'\"`,;:.()[]{}") for word in message.split()]
    return tuple(
        variable
        for field, variable in _VARIABLES.items()
        if any(f".{word}".endswith(f".{field}") or f".{field}." in f".{word}" for word in words)
    )
