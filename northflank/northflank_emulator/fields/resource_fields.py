"""The fields of all resources but jobs: projects, build services, secret groups, tags, registries, webhooks.

Sources as in `job_fields`.
"""

from __future__ import annotations

import re

from northflank_emulator.fields.job_fields import (
    BILLING,
    BUILD_CONFIGURATION,
    BUILD_OVERRIDES,
    BUILD_SETTINGS,
    DESCRIPTION,
    FILES,
    INFRASTRUCTURE,
    NAME,
    PROJECT_ITEM_ID,
    SLUG,
    TAGS,
    VARIABLES,
    VCS_FIELDS,
)
from northflank_emulator.fields.schema import (
    Anything,
    EitherOf,
    Flag,
    Integer,
    ListOf,
    MapOf,
    Nullable,
    ObjectRule,
    OneOf,
    Rule,
    Text,
    partial,
)

COLOR = Text(pattern=re.compile(r"#[0-9a-fA-F]{6}"))
PROJECT_NAME = Text(
    minimum=3,
    maximum=52,
    pattern=re.compile(r"[a-zA-Z]((-|\s)?[a-zA-Z0-9]+((-|\s)[a-zA-Z0-9]+)*)?"),
)
CREATE_PROJECT = ObjectRule(
    fields={
        "name": PROJECT_NAME,
        "description": DESCRIPTION,
        "color": COLOR,
        "region": SLUG,
        "clusterId": SLUG,
        "networking": Anything(),
    },
    required=frozenset({"name"}),
    together=(("region", "clusterId"),),
)

_BUILD_RULES = ListOf(item=Text(pattern=re.compile(r"[^?:@$~ [\]{}]*")))
_VCS_DATA = ObjectRule(
    fields={
        **{name: rule for name, rule in VCS_FIELDS.items() if name != "projectBranch"},
        "vcsLinkId": Text(minimum=24, maximum=24),
    },
    required=frozenset({"projectUrl", "projectType"}),
)
_BUILD_SERVICE: dict[str, Rule] = {
    "description": DESCRIPTION,
    "tags": TAGS,
    "stageId": SLUG,
    "disabledCI": Flag(),
    "buildSource": OneOf(values=("git", "bundle")),
    "buildConfiguration": ObjectRule(
        fields={
            **BUILD_CONFIGURATION.fields,
            "branchRestrictions": _BUILD_RULES,
            "prRestrictions": _BUILD_RULES,
            "crossProjectAccess": Anything(),
        }
    ),
    "buildSettings": BUILD_SETTINGS,
    "buildArguments": VARIABLES,
    "buildFiles": FILES,
    "dockerSecretMounts": FILES,
}
_BUILD_SERVICE_BILLING = partial(BILLING)
"""Unlike that of a job, it need not have a `deploymentPlan`."""
CREATE_BUILD_SERVICE = ObjectRule(
    fields={
        **_BUILD_SERVICE,
        "name": Text(minimum=3, maximum=54, pattern=NAME.pattern),
        "billing": _BUILD_SERVICE_BILLING,
        "infrastructure": INFRASTRUCTURE,
        "vcsData": _VCS_DATA,
    },
    required=frozenset({"name", "billing", "buildSettings"}),
)
PATCH_BUILD_SERVICE = ObjectRule(
    fields={
        **_BUILD_SERVICE,
        "stageId": Nullable(rule=SLUG),
        "billing": _BUILD_SERVICE_BILLING,
        "vcsData": partial(_VCS_DATA),
    }
)
START_SERVICE_BUILD = ObjectRule(
    fields={
        "branch": Text(minimum=1),
        "pullRequestId": EitherOf(rules=(Integer(minimum=1), Text(minimum=1))),
        "bundleUrl": Text(minimum=1),
        "sha": Text(minimum=40, maximum=40, pattern=re.compile(r"[a-fA-F0-9]*")),
        "overrides": BUILD_OVERRIDES,
    },
    together=(("branch", "pullRequestId"), ("bundleUrl", "pullRequestId")),
)

RESTRICTIONS = ObjectRule(
    fields={
        "restricted": Flag(),
        "nfObjects": ListOf(
            item=ObjectRule(
                fields={"id": PROJECT_ITEM_ID, "type": OneOf(values=("service", "job"))},
                required=frozenset({"id", "type"}),
            )
        ),
        "tags": TAGS,
        "tagMatchCondition": OneOf(values=("and", "or")),
        "stageIds": ListOf(item=SLUG),
    }
)
SECRETS = ObjectRule(fields={"variables": VARIABLES, "files": FILES, "dockerSecretMounts": FILES})
_ADDONS = ListOf(
    item=ObjectRule(
        fields={
            "addonId": SLUG,
            "keys": ListOf(
                item=ObjectRule(
                    fields={
                        "keyName": Text(minimum=1),
                        "aliases": ListOf(item=Text(pattern=re.compile(r"[a-zA-Z0-9_./-]*"))),
                    },
                    required=frozenset({"keyName"}),
                )
            ),
        },
        required=frozenset({"addonId", "keys"}),
    )
)
_SECRET: dict[str, Rule] = {
    "description": DESCRIPTION,
    "secretType": OneOf(values=("environment", "arguments", "environment-arguments")),
    "type": OneOf(values=("secret", "config")),
    "priority": Integer(minimum=0, maximum=100),
    "tags": TAGS,
    "restrictions": RESTRICTIONS,
    "secrets": SECRETS,
    "addonDependencies": _ADDONS,
    "externalAddonDependencies": _ADDONS,
    "stageId": SLUG,
}
CREATE_SECRET = ObjectRule(
    fields={
        **_SECRET,
        "name": Text(
            minimum=3, maximum=100, pattern=re.compile(r"[a-zA-Z0-9]+((-|\s)[a-zA-Z0-9]+)*")
        ),
    },
    required=frozenset({"name", "secretType", "priority"}),
)
PATCH_SECRET = ObjectRule(fields={**_SECRET, "stageId": Nullable(rule=SLUG)})

_TAG: dict[str, Rule] = {
    "description": DESCRIPTION,
    "color": COLOR,
    "nodeAffinities": ListOf(item=Anything()),
    "sandboxing": Anything(),
    "useAsInfrastructureLabel": Flag(),
    "useOnDemandNodes": Flag(),
    "useSpotNodes": Flag(),
}
CREATE_TAG = ObjectRule(fields={**_TAG, "name": SLUG}, required=frozenset({"name"}))
PATCH_TAG = ObjectRule(fields=_TAG)

_REGISTRY: dict[str, Rule] = {
    "registryUrl": Text(minimum=1),
    "credentials": ObjectRule(
        fields={
            "username": Text(),
            "password": Text(),
            "scope": ObjectRule(fields={"pull": Flag(), "push": Flag()}),
        }
    ),
    "restrictions": ObjectRule(fields={"restricted": Flag(), "projects": ListOf(item=SLUG)}),
    "aws": Anything(),
    "azure": Anything(),
    "gcp": Anything(),
    "integrationId": Text(),
}
CREATE_REGISTRY = ObjectRule(
    fields={
        **_REGISTRY,
        "name": SLUG,
        "provider": OneOf(
            values=(
                "acr",
                "ecr",
                "gar",
                "dockerhub",
                "dhi",
                "github",
                "gitlab",
                "custom",
                "legacy",
            )
        ),
    },
    required=frozenset({"name", "provider"}),
)
PATCH_REGISTRY = ObjectRule(fields=_REGISTRY)

_NOTIFICATION: dict[str, Rule] = {
    "webhook": Text(minimum=8, maximum=2000, pattern=re.compile(r"https?://[^\s/?#]+[^\s]*")),
    "secret": Text(),
    "events": MapOf(
        key=Text(minimum=9, maximum=200, pattern=re.compile(r"trigger:[A-Za-z0-9:-]+")),
        value=Flag(),
    ),
    "projects": ListOf(item=SLUG),
    "restricted": Flag(),
    "restrictions": Anything(),
}
"""Names of events are not checked, because the documented list grows."""
CREATE_NOTIFICATION = ObjectRule(
    fields={
        **_NOTIFICATION,
        "name": Text(minimum=3, maximum=100),
        "type": OneOf(values=("RAW_WEBHOOK", "DISCORD", "TEAMS", "TEAMS_WORKFLOWS")),
    },
    required=frozenset({"name", "type", "webhook", "events"}),
)
UPDATE_NOTIFICATION = ObjectRule(
    fields={**_NOTIFICATION, "name": Text(minimum=3, maximum=100), "paused": Flag()}
)
