"""Have Metaflow create the interpreters of @conda and @pypi, in a separate process, and print where they are.

Metaflow's own machinery does it, as under `run`: it makes what is not there yet, and puts itself and
the flow's code where those interpreters find them.

Run as `python flow_command.py make_interpreters FLOW_FILE OPTION… step-interpreters FOLDER`; fills FOLDER and prints a JSON object
`{"variables": {name: value}, "pythons": {step: path}}`: the variables by which an interpreter finds what is in FOLDER, and the
interpreter of each step for which Metaflow has made one.
It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

COMMAND = "step-interpreters"
_MARK = "metaflow-prefect-interpreters:"


def at_command_line() -> None:
    """Add to Metaflow's command line the command that makes the interpreters."""
    # Metaflow builds its command line from the flow's class: import it only when that exists.
    from metaflow import cli
    from metaflow._vendor import click

    @click.command(name=COMMAND, hidden=True)  # type: ignore[untyped-decorator]
    @click.argument("folder")  # type: ignore[untyped-decorator]
    @click.pass_obj  # type: ignore[untyped-decorator]
    def interpreters(obj: Any, folder: str) -> None:
        _take_over_manifest(obj.environment)
        found = {
            "variables": _install_code(obj, folder),
            "pythons": {
                step.name: obj.environment.interpreter(step.name)
                for step in obj.flow
                if not obj.environment.is_disabled(step)
            },
        }
        sys.stdout.write(f"\n{_MARK}{json.dumps(found)}\n")
        sys.stdout.flush()

    cli.cli.add_command(interpreters)


def _take_over_manifest(environment: Any) -> None:
    """Have Metaflow take what it resolved when the flow was deployed; what is not there it resolves now."""
    from metaflow.plugins.pypi import MAGIC_FILE

    folder = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120  no pathlib before the flow asks for it
    beside = os.path.join(folder, MAGIC_FILE)  # noqa: PTH118  as above
    if not os.path.isfile(beside):  # noqa: PTH113  as above
        return
    with open(beside) as file:  # noqa: PTH123  as above
        resolved = json.load(file)
    for id_, platforms in resolved.items():
        for platform, types in platforms.items():
            for type_, packages in types.items():
                if environment.read_from_environment_manifest([id_, platform, type_]) is None:
                    environment.write_to_environment_manifest([id_, platform, type_], packages)


def _install_code(obj: Any, folder: str) -> dict[str, str]:
    """Put the flow's code and Metaflow into *folder*, and return the variables by which they are found.

    As `metaflow.plugins.pypi.conda_decorator` does for `run` (`runtime_init`, `runtime_step_cli`).
    """
    from metaflow.package import MetaflowPackage
    from metaflow.packaging_sys import ContentType

    # Makes the environments that are missing, too.
    package = MetaflowPackage(obj.flow, obj.environment, obj.echo, suffixes=obj.package_suffixes)
    package.extract_into(folder, ContentType.ALL_CONTENT)
    found = {"PYTHONNOUSERSITE": "1"}
    for name, value in package.get_post_extract_env_vars(package.package_metadata, folder).items():
        if name.endswith(":"):
            found[name[:-1]] = value
        else:
            found[name] = os.pathsep.join((value, folder)) if name == "PYTHONPATH" else value
    return found


def parse(output: str) -> dict[str, dict[str, Any]]:
    """Return the answer from *output*, which also has what the flow and Metaflow print.

    Raises:
        ValueError: the output holds no answer.
    """
    for line in reversed(output.splitlines()):
        if line.startswith(_MARK):
            answer: dict[str, dict[str, Any]] = json.loads(line.removeprefix(_MARK))
            return answer
    message = "no answer"
    raise ValueError(message)
