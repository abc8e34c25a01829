"""Production tokens: who may change a deployment, decided as Metaflow's Argo plugin decides it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from metaflow_prefect import ir
from metaflow_prefect.errors import DeploymentRefused, Unauthorized
from metaflow_prefect.runtime.local.typed_command import typed

_SCHEME = "production:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """The token options of `deploy`: the existing token, a given new one, or a generated new one."""

    authorize: str | None = None
    given: str | None = None
    is_new_wanted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The user who deployed last, and the token of that deployment (None: it was not made by this package)."""

    owner: str
    token: str | None


def prefix(flow_name: str, name: str | None, project: ir.Project | None) -> str:
    """Return the beginning of the deployment's tokens, and the name under which they are cached.

    Under @project it is the one that Metaflow's other orchestrators use: a project's branch has
    one token, wherever it is deployed.
    """
    if project is None:
        return (f"{flow_name}-{name}" if name else flow_name).lower()
    branch = f"{project.name}.{project.branch}".encode()
    # Metaflow's name for it; not used for security (argo_workflows_cli.resolve_workflow_name_v2).
    digest = base64.b32encode(hashlib.sha1(branch, usedforsecurity=False).digest()).decode()
    return f"mfprj-{digest[:16]}".lower()


def check(
    holder: Holder | None,
    user: str,
    authorize: str | None,
    cached: str | None,
    words: tuple[str, ...] = (),
) -> None:
    """Let *user* change their own deployment, or one whose token they have.

    *words* is the option that names the deployment.

    Raises:
        Unauthorized: it belongs to another user, and the token is missing or wrong.
    """
    if holder is None or holder.token is None or holder.owner == user:
        return
    if _bare(authorize or cached) != holder.token:
        raise Unauthorized(
            f"This deployment belongs to {holder.owner}, and you ({user}) have not given its production token; nothing was changed.",
            fix=f"ask {holder.owner} for the token (`{typed('get-token', *words)}`), then repeat the command with --authorize TOKEN",
        )


def choose(
    holder: Holder | None, request: TokenRequest, token_prefix: str, *, is_project: bool
) -> str:
    """Return the token that the deployment will have; call `check` first.

    Raises:
        DeploymentRefused: a token is given where only generated ones work, or a generated one is wanted after a given one.
    """
    from metaflow.plugins.aws.step_functions.production_token import new_token

    if request.given is not None:
        if request.is_new_wanted:
            raise DeploymentRefused(
                "--new-token and --generate-new-token contradict each other; nothing was created.",
                fix="use one of them",
            )
        if is_project:
            raise DeploymentRefused(
                "--new-token can't be used under @project, whose tokens have their own format.",
                fix="use --generate-new-token",
            )
        return _bare(request.given) or ""
    previous = holder.token if holder is not None else None
    if previous is not None and not request.is_new_wanted:
        return previous
    token = new_token(token_prefix, previous)
    if token is None:
        raise DeploymentRefused(
            "--generate-new-token can't follow a token that was given with --new-token.",
            fix="use --new-token again",
        )
    return str(token)


def cached(token_prefix: str) -> str | None:
    """Return the token that an earlier command has stored on this machine."""
    from metaflow.plugins.aws.step_functions.production_token import load_token

    token = load_token(token_prefix)
    return None if token is None else str(token)


def remember(token_prefix: str, token: str) -> None:
    """Store the token, so that it need not be given again on this machine."""
    from metaflow.plugins.aws.step_functions.production_token import store_token

    store_token(token_prefix, token)


def _bare(token: str | None) -> str | None:
    return None if token is None else token.removeprefix(_SCHEME)
