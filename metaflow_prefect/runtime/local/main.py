"""Running a generated file as a program.

A deployed run imports this module, too, but has no command line: only `main` loads that.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow_prefect.errors import MetaflowPrefectError
from metaflow_prefect.runtime import variables

if TYPE_CHECKING:
    from metaflow_prefect.runtime.local.declared_parameters import Parameter


def main(flow: Any, parameters: tuple[Parameter, ...] = ()) -> None:
    """Run *flow* with the parameters of this process's command line, and exit.

    The exit code is 0 when the flow run completed, 1 when it failed, 2 when the command line is wrong.
    """
    from metaflow_prefect.runtime.local.command_line import command as command_of

    command = command_of(flow, parameters)
    try:
        # As for `python flow.py prefect run`, which it replaces.
        command.main(prog_name=Path(sys.argv[0]).name, auto_envvar_prefix=variables.COMMAND_PREFIX)
    except MetaflowPrefectError as error:
        sys.stderr.write(f"{error.headline}: {error}\n")
        sys.exit(1)
