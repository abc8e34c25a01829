"""The command that a container executes: parts of the image's and of the job's."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from northflank_emulator.errors import InvalidRequest
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.state.job_spec import part


def argv(
    deployment: JsonObject, entrypoint: Sequence[str], command: Sequence[str]
) -> tuple[str, ...]:
    """Return the words to execute, without a shell, for an image with *entrypoint* and *command*.

    As in Docker, a job's entrypoint replaces the image's command, too. With `default`, a custom command
    in the body is ignored.
    """
    settings = part(deployment, "docker") or part(deployment, "buildpack")
    own_entrypoint = split(settings.get("customEntrypoint"))
    own_command = split(settings.get("customCommand"))
    match settings.get("configType", "default"):
        case "customEntrypoint":
            return tuple(own_entrypoint)
        case "customCommand" | "originalEntrypointCustomCommand":
            return (*entrypoint, *own_command)
        case "customEntrypointCustomCommand":
            return (*own_entrypoint, *own_command)
        case "customProcess":
            return (*entrypoint, *split(settings.get("customProcess")))
        case _:
            return (*entrypoint, *command)


def split(command: object) -> list[str]:
    """Split a command into words; quotes group them, nothing else is special.

    Raises:
        InvalidRequest: a quote is not closed.
    """
    if not isinstance(command, str):
        return []
    try:
        return shlex.split(command)
    except ValueError as error:
        raise InvalidRequest(
            f"Invalid command {command!r}: {error}; close the quote or escape it"
        ) from error
