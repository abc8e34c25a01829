"""The shell script that a container runs, and its environment: pure.

The whole script goes to the container in base64 in one variable: Northflank expands `${…}` in the values of variables,
and runs the command without a shell.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metaflow_northflank.container.variables import STEP_SCRIPT

SCRIPT = "METAFLOW_NORTHFLANK_SCRIPT"
"""The variables with the script, in base64: this name, and the number of the part."""

PART = 90 * 1024
"""Characters of a part: Linux allows 128 kB in a variable."""

LOGS_DIR = "$PWD/.logs"
STDOUT_PATH, STDERR_PATH = f"{LOGS_DIR}/mflog_stdout", f"{LOGS_DIR}/mflog_stderr"

INPUT_PATHS_AT_ONCE = 30 * 1024
"""Characters of a variable with input paths, as with Metaflow's own backends."""


@dataclass(frozen=True, kw_only=True)
class ShellParts:
    """What Metaflow says for the script, as it says it: to be put between double quotes."""

    log_variables: str
    """Exports what the log is written by."""
    package: Sequence[str]
    """Fetches Metaflow and the flow."""
    functions: Sequence[str]
    """Defines the functions that `bootstrap` calls."""
    bootstrap: Sequence[str]
    """Installs the packages of the step."""
    step: str
    """Executes the step."""
    captured: str
    """`{}` with the output of what is put there going to the log."""


def script(parts: ShellParts, environment: Mapping[str, str]) -> str:
    """Return the script that sets *environment*, fetches the code, and becomes the container's first process."""
    step = " && ".join(
        [
            *parts.functions,
            parts.captured.replace("{}", " && ".join([*parts.bootstrap, parts.step])),
        ]
    )
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    exports += [
        f'export {STEP_SCRIPT}="$PWD/.northflank_step"',
        f'echo {_base64(_unquoted(step))} | base64 -d > "${STEP_SCRIPT}"',
    ]
    fetched = _unquoted(
        " && ".join(["true", f"mkdir -p {LOGS_DIR}", parts.log_variables, *parts.package])
    )
    return "\n".join([*exports, f"{fetched} && exec python -m metaflow_northflank.container"])


def container_variables(text: str) -> dict[str, str]:
    """Return the variables of a container that runs the script *text*."""
    encoded = _base64(text)
    parts = [encoded[start : start + PART] for start in range(0, len(encoded), PART)]
    return {f"{SCRIPT}_{number}": part for number, part in enumerate(parts)}


def command(variables: Iterable[str]) -> str:
    """Return the command of a container with these *variables* (`container_variables`)."""
    joined = "".join(f"${name}" for name in variables)
    return f"""bash -c 'eval "$(echo "{joined}" | base64 -d)"'"""


def input_path_variables(input_paths: str) -> dict[str, str]:
    """Return variables that hold *input_paths* one after the other."""
    size = INPUT_PATHS_AT_ONCE
    return {
        f"METAFLOW_INPUT_PATHS_{start // size}": input_paths[start : start + size]
        for start in range(0, len(input_paths), size)
    }


def _unquoted(text: str) -> str:
    """Return the command that *text* is between double quotes: so Metaflow escapes it for `bash -c "…"`."""
    return shlex.split(f'bash -c "{text}"')[2]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
