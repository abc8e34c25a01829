"""The fields of jobs and job runs: names, limits and patterns of the API's create and run calls.

Source: the Northflank API documentation of "Create job", "Patch job" and "Run job"
(https://northflank.com/docs/v1/api) and the types of the vendor's Python SDK 2.1.0.
"""

from __future__ import annotations

import re

from northflank_emulator.fields.schema import (
    Anything,
    Flag,
    Integer,
    ListOf,
    MapOf,
    Needs,
    Nullable,
    ObjectRule,
    OneOf,
    Rule,
    Text,
    partial,
)

NAME = Text(
    minimum=3,
    maximum=52,
    pattern=re.compile(r"[a-zA-Z]((-|\s)?[a-zA-Z0-9]+((-|\s)[a-zA-Z0-9]+)*)?"),
)
"""The name of a job. Rules match whole texts, so every pattern here lacks the documented `^` and `$`."""
DESCRIPTION = Text(maximum=200, pattern=re.compile(r"""[a-zA-Z0-9.,?\s\\/'"()[\];`%^&*\-_:!]+"""))
SLUG = Text(minimum=3, maximum=100, pattern=re.compile(r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*"))
PROJECT_ITEM_ID = Text(minimum=3, maximum=54, pattern=SLUG.pattern)
IMAGE_PATH = Text(
    maximum=512,
    pattern=re.compile(
        r"(?:(?:https?:\/\/)?([a-zA-Z0-9\-]+\.[a-zA-Z0-9\.\-]+)(\/v1)?)?(?:\/)?"
        r"([a-zA-Z/-9\.\-_]+)(?:\:([a-zA-Z/-9\.\-_\:]+)|\@([a-zA-Z/-9\.\-_\:]+))"
    ),
)
"""The limit of the length is undocumented; the documented pattern has none, and backtracks on long input."""
CREDENTIALS_ID = Text(pattern=re.compile(r"[A-Za-z0-9-]+"))
VARIABLE_NAME = Text(minimum=1, maximum=512, pattern=re.compile(r"[a-zA-Z0-9_./-]+"))
VARIABLE_VALUE = Text(pattern=re.compile(r"[^\0]*"))
"""Without NUL, which the environment of a process cannot hold."""
COMMAND = Text(minimum=1, pattern=re.compile(r"[^\0]+"))
VARIABLES = MapOf(key=VARIABLE_NAME, value=VARIABLE_VALUE)
FILES = MapOf(
    key=Text(minimum=2, maximum=1024, pattern=re.compile(r"/[^\0]+")),
    value=ObjectRule(
        fields={
            "data": Text(pattern=re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")),
            "encoding": Text(),
        },
        required=frozenset({"data"}),
    ),
)

TAGS = ListOf(item=SLUG)
INFRASTRUCTURE = ObjectRule(fields={"architecture": OneOf(values=("x86", "arm"))})
GPU = ObjectRule(
    fields={
        "enabled": Flag(),
        "configuration": ObjectRule(
            fields={
                "gpuType": Text(minimum=1),
                "gpuCount": Integer(minimum=1),
                "timesliced": Flag(),
            },
            required=frozenset({"gpuType"}),
        ),
    }
)
PLAN = Text(minimum=3, maximum=100, pattern=re.compile(r"[a-zA-Z0-9_]+(-[a-zA-Z0-9_]+)*"))
"""Unlike the documented slug it allows `_`, for GPU plans like `nf-gpu-rtx_pro_6000-96-1g`."""
BILLING = ObjectRule(
    fields={"deploymentPlan": PLAN, "buildPlan": PLAN, "gpu": GPU},
    required=frozenset({"deploymentPlan"}),
)
EXTERNAL = ObjectRule(
    fields={"imagePath": IMAGE_PATH, "credentials": CREDENTIALS_ID},
    required=frozenset({"imagePath"}),
)
INTERNAL = ObjectRule(
    fields={
        "id": PROJECT_ITEM_ID,
        "branch": Text(minimum=1),
        "buildSHA": Text(pattern=re.compile(r"[a-fA-F0-9]{7,40}|latest")),
        "buildId": Text(minimum=1),
    }
)
VCS_TYPES = OneOf(
    values=("bitbucket", "gitlab", "github", "self-hosted", "azure", "origin"),
)
VCS_FIELDS: dict[str, Rule] = {
    "projectUrl": Text(minimum=1),
    "projectType": VCS_TYPES,
    "projectBranch": Text(minimum=1),
    "selfHostedVcsId": Text(minimum=1),
    "accountLogin": Text(minimum=1),
}
VCS = ObjectRule(
    fields={**VCS_FIELDS, "vcsLinkId": Text(minimum=24, maximum=24)},
    required=frozenset({"projectUrl", "projectType", "projectBranch"}),
)
DOCKER = ObjectRule(
    fields={
        "configType": OneOf(
            values=("default", "customEntrypoint", "customCommand", "customEntrypointCustomCommand")
        ),
        "customEntrypoint": COMMAND,
        "customCommand": COMMAND,
    },
    required=frozenset({"configType"}),
    needs=(
        Needs(field="configType", value="customEntrypoint", required=("customEntrypoint",)),
        Needs(field="configType", value="customCommand", required=("customCommand",)),
        Needs(
            field="configType",
            value="customEntrypointCustomCommand",
            required=("customEntrypoint", "customCommand"),
        ),
    ),
)
BUILDPACK = ObjectRule(
    fields={
        "configType": OneOf(
            values=(
                "default",
                "customProcess",
                "customCommand",
                "customEntrypointCustomCommand",
                "originalEntrypointCustomCommand",
            )
        ),
        "customProcess": COMMAND,
        "customEntrypoint": COMMAND,
        "customCommand": COMMAND,
    },
    required=frozenset({"configType"}),
    needs=(
        Needs(field="configType", value="customProcess", required=("customProcess",)),
        Needs(field="configType", value="customCommand", required=("customCommand",)),
        Needs(
            field="configType",
            value="customEntrypointCustomCommand",
            required=("customEntrypoint", "customCommand"),
        ),
        Needs(
            field="configType",
            value="originalEntrypointCustomCommand",
            required=("customCommand",),
        ),
    ),
)
STORAGE = ObjectRule(
    fields={
        "ephemeralStorage": ObjectRule(fields={"storageSize": Integer(minimum=1024)}),
        "shmSize": Integer(minimum=64),
        "useHdbStorage": Flag(),
        "usePdSsdStorage": Flag(),
    }
)
LABELS = MapOf(key=Text(minimum=1), value=Text())
SOURCES = ("external", "internal", "vcs")
DEPLOYMENT = ObjectRule(
    fields={
        "external": EXTERNAL,
        "internal": INTERNAL,
        "vcs": VCS,
        "docker": DOCKER,
        "buildpack": BUILDPACK,
        "storage": STORAGE,
        "gpu": GPU,
        "gracePeriodSeconds": Integer(minimum=15, maximum=600),
        "metadata": ObjectRule(fields={"labels": LABELS, "annotations": LABELS}),
    },
    together=(SOURCES,),
)
BUILD_STORAGE = ObjectRule(
    fields={
        "ephemeralStorage": ObjectRule(
            fields={"storageSize": OneOf(values=(16384, 32768, 65536, 131072, 262144, 524288))}
        )
    }
)
BUILD_CONFIGURATION = ObjectRule(
    fields={
        "pathIgnoreRules": ListOf(item=Text()),
        "isAllowList": Flag(),
        "ciIgnoreFlagsEnabled": Flag(),
        "ciIgnoreFlags": ListOf(item=Text()),
        "ignoreEmptyCommits": Flag(),
        "dockerfileTarget": Text(),
        "dockerCredentials": ListOf(item=CREDENTIALS_ID),
        "includeGitFolder": Flag(),
        "fullGitClone": Flag(),
        "enableGitLfs": Flag(),
        "storage": BUILD_STORAGE,
    }
)
BUILD_SETTINGS = ObjectRule(
    fields={
        "dockerfile": ObjectRule(
            fields={
                "buildEngine": OneOf(values=("buildkit", "kaniko")),
                "useCache": Flag(),
                "dockerFilePath": Text(minimum=1),
                "dockerWorkDir": Text(minimum=1),
                "dockerfileContents": Nullable(rule=Text()),
                "buildkit": Anything(),
            },
            required=frozenset({"dockerFilePath", "dockerWorkDir"}),
        ),
        "buildpack": ObjectRule(
            fields={
                "builder": Text(minimum=1),
                "buildpackLocators": ListOf(item=Text()),
                "buildContext": Text(),
                "useCache": Flag(),
            }
        ),
        "storage": BUILD_STORAGE,
    },
    together=(("dockerfile", "buildpack"),),
)
HEALTH_CHECK = ObjectRule(
    fields={
        "protocol": OneOf(values=("HTTP", "CMD", "TCP")),
        "type": OneOf(values=("livenessProbe", "readinessProbe", "startupProbe")),
        "path": Text(),
        "cmd": Text(),
        "port": Integer(minimum=1, maximum=65535),
        "initialDelaySeconds": Integer(minimum=0),
        "periodSeconds": Integer(minimum=1),
        "timeoutSeconds": Integer(minimum=1),
        "failureThreshold": Integer(minimum=1),
        "successThreshold": Integer(minimum=1),
    },
    required=frozenset(
        {
            "protocol",
            "type",
            "initialDelaySeconds",
            "periodSeconds",
            "timeoutSeconds",
            "failureThreshold",
        }
    ),
)
RUN_ON_SOURCE_CHANGE = OneOf(values=("never", "cd-promote", "always"))
LIMITS: dict[str, Rule] = {
    "backoffLimit": Integer(minimum=0, maximum=1_000_000),
    "activeDeadlineSeconds": Nullable(rule=Integer(minimum=1, maximum=100_000_000)),
    "runOnSourceChange": RUN_ON_SOURCE_CHANGE,
}
"""The maxima are undocumented: beyond any real use, and far from an overflow."""
CRON: dict[str, Rule] = {
    "schedule": Nullable(rule=Text(minimum=1, maximum=200)),
    "suspended": Flag(),
    "concurrencyPolicy": OneOf(values=("allow", "forbid", "replace")),
}
SETTINGS = ObjectRule(
    fields={**LIMITS, "cron": ObjectRule(fields=CRON)}, required=frozenset({"backoffLimit"})
)

_SHARED: dict[str, Rule] = {
    "description": DESCRIPTION,
    "tags": TAGS,
    "stageId": SLUG,
    "disabledCI": Flag(),
    "buildConfiguration": BUILD_CONFIGURATION,
    "buildSettings": BUILD_SETTINGS,
    "runtimeEnvironment": VARIABLES,
    "runtimeFiles": FILES,
    "buildArguments": VARIABLES,
    "buildFiles": FILES,
    "dockerSecretMounts": FILES,
    "healthChecks": ListOf(item=HEALTH_CHECK),
}
_CREATE: dict[str, Rule] = {
    **_SHARED,
    "name": NAME,
    "infrastructure": INFRASTRUCTURE,
    "billing": BILLING,
    "deployment": DEPLOYMENT,
}
_PATCH: dict[str, Rule] = {
    **_SHARED,
    "stageId": Nullable(rule=SLUG),
    "billing": partial(BILLING),
}

CREATE_JOB = ObjectRule(
    fields={**_CREATE, "settings": SETTINGS}, required=frozenset({"name", "billing"})
)
CREATE_MANUAL_JOB = ObjectRule(
    fields={**_CREATE, **LIMITS}, required=frozenset({"name", "billing", "backoffLimit"})
)
CREATE_CRON_JOB = ObjectRule(
    fields={**_CREATE, **LIMITS, **CRON},
    required=frozenset({"name", "billing", "backoffLimit"}),
)
PATCH_JOB = ObjectRule(fields={**_PATCH, "settings": partial(SETTINGS)})
PATCH_MANUAL_JOB = ObjectRule(fields={**_PATCH, **LIMITS})
PATCH_CRON_JOB = ObjectRule(fields={**_PATCH, **LIMITS, **CRON})

START_RUN = ObjectRule(
    fields={
        "runtimeEnvironment": VARIABLES,
        "runtimeFiles": FILES,
        "dockerSecretMounts": FILES,
        "billing": ObjectRule(fields={"deploymentPlan": PLAN}),
        "deployment": ObjectRule(
            fields={
                "external": EXTERNAL,
                "internal": INTERNAL,
                "docker": DOCKER,
                "buildpack": BUILDPACK,
                "storage": STORAGE,
                "gpu": GPU,
            },
            together=(("external", "internal"),),
        ),
    }
)

UPDATE_DEPLOYMENT = ObjectRule(
    fields={"external": EXTERNAL, "internal": INTERNAL, "docker": DOCKER, "buildpack": BUILDPACK},
    together=(("external", "internal"),),
)
UPDATE_ENVIRONMENT = ObjectRule(
    fields={"runtimeEnvironment": VARIABLES, "runtimeFiles": FILES},
    required=frozenset({"runtimeEnvironment"}),
)
UPDATE_BUILD_ARGUMENTS = ObjectRule(fields={"buildArguments": VARIABLES, "buildFiles": FILES})
UPDATE_SETTINGS = ObjectRule(
    fields={
        **LIMITS,
        "schedule": Text(minimum=1, maximum=200),
        "concurrencyPolicy": CRON["concurrencyPolicy"],
    }
)
UPDATE_HEALTH_CHECKS = ObjectRule(
    fields={"healthChecks": ListOf(item=HEALTH_CHECK)}, required=frozenset({"healthChecks"})
)
UPDATE_BUILD_SOURCE = ObjectRule(fields=VCS_FIELDS)
SCALE_JOB = ObjectRule(fields={"deploymentPlan": PLAN, "storage": STORAGE})
RESUME_JOB = ObjectRule(fields={"suspended": Flag(), "disabledCI": Flag(), "disabledCD": Flag()})
SUSPEND_JOB = ObjectRule(fields={"suspended": Flag()})
BUILD_OVERRIDES = ObjectRule(
    fields={
        "buildArguments": VARIABLES,
        "buildFiles": FILES,
        "dockerSecretMounts": FILES,
        "docker": Anything(),
    }
)
START_BUILD = ObjectRule(
    fields={
        "sha": Text(pattern=re.compile(r"[a-fA-F0-9]{7,40}|latest")),
        "overrides": BUILD_OVERRIDES,
    }
)
