"""The values that Northflank accepts for a job variable, as JSON schema that any client can check; pure.

`errorMessage` explains a pattern. The rules are those of the API's documentation
(https://northflank.com/docs/v1/api/jobs/create-job); the worker checks some of them with `broken`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prefect_northflank.api.plans import COMPUTE_PLANS
from prefect_northflank.errors import ConfigurationError

_COMPUTE = "nf-compute-"

Schema = dict[str, Any]

PLAN: Schema = {
    "if": {"type": "string", "pattern": f"^{_COMPUTE}"},
    "then": {
        "enum": [plan.id for plan in COMPUTE_PLANS],
        "errorMessage": f"Northflank lists no plan {_COMPUTE}… of that name",
    },
    "pattern": r"^[a-zA-Z0-9_]+(-[a-zA-Z0-9_]+)*$",
    "errorMessage": "a plan's name has letters, digits, `_` and single `-`, as in nf-compute-20",
}

IMAGE: Schema = {
    "pattern": r"^[^\s@]+(:\w[\w.-]*|@\w+:\w+)$",
    "errorMessage": "an image has a tag or a digest and no spaces, as in registry.example.com/team/flow:1.2",
}

COMMAND: Schema = {
    "pattern": r"""^(?:[^'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")*$""",
    "errorMessage": "a quote in it is not closed",
}

SLUG: Schema = {
    "pattern": r"^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$",
    "errorMessage": "an ID has letters, digits and single `-`",
}

FILES: Schema = {
    "propertyNames": {
        "pattern": "^/.",
        "errorMessage": "a file to mount is named by an absolute path",
    },
}

_CHECKED: Mapping[str, Schema] = {
    "billing_deployment_plan": PLAN,
    "billing_build_plan": PLAN,
    "deployment_external_image_path": IMAGE,
    "deployment_docker_custom_command": COMMAND,
    "deployment_docker_custom_entrypoint": COMMAND,
    "project_id": SLUG,
}
"""The job variables that the worker checks as well: pools created by earlier versions have no rules."""


def broken(values: Mapping[str, object]) -> Iterator[ConfigurationError]:
    """Yield the values that Northflank would reject; not an unknown plan, which may be newer than this list."""
    for name, rule in _CHECKED.items():
        value = values.get(name)
        if isinstance(value, str) and not re.search(rule["pattern"], value):
            # By now a command may contain the value of a secret block, and the error goes to the flow run's log.
            shown = "" if rule is COMMAND else f"={value!r}"
            yield ConfigurationError(
                what=f"job variable {name}{shown}",
                why=str(rule["errorMessage"]),
                remedy="correct it in the deployment's job_variables or in the work pool",
            )
