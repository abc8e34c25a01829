"""`make demo`: run the digits flow through Prefect, with no server to start, and read the result.

All state is kept below `.demo/` in the project: Metaflow's runs, Prefect's database, the card.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from examples.processes import INTERRUPTED, DemoFailed, Processes, exit_on_signals
from metaflow_prefect.runtime.servers import local_server

if TYPE_CHECKING:
    from metaflow import Run

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"
FLOW_FILE = Path(__file__).resolve().with_name("digits_flow.py")
METAFLOW_USER = "demo"

_FOREIGN = ("METAFLOW_", "PREFECT_", "NORTHFLANK_", "NF_")
"""Settings of whoever runs the demo; they could take it away from the state below `.demo/`."""


def use_local_state(prefect_home: Path) -> None:
    """Point Metaflow and Prefect, in this process and all it starts, below `.demo/`.

    Call it before the first import of either: both read their settings then. It goes there, too:
    Metaflow looks for local cards from the working directory upwards, whatever its settings say
    (plugins/cards/card_datastore.py, get_storage_root).
    """
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            del os.environ[name]
    for folder in (STATE / ".metaflow", prefect_home):
        folder.mkdir(parents=True, exist_ok=True)
    os.chdir(STATE)
    os.environ |= {
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(STATE),
        "METAFLOW_DEFAULT_DATASTORE": "local",
        "METAFLOW_DEFAULT_METADATA": "local",
        # Metaflow refuses to run as root, or as nobody, without a name to record.
        "METAFLOW_USER": METAFLOW_USER,
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def read_back(pathspec: str) -> Run:
    """Print what the finished run *pathspec* found, read with the Metaflow client.

    Raises:
        DemoFailed: Metaflow has no such run, or it did not finish.
    """
    from metaflow import Run, namespace
    from metaflow.exception import MetaflowException

    namespace(None)
    try:
        run = Run(pathspec)
    except MetaflowException as error:
        msg = f"Metaflow has no run {pathspec} below {STATE}: {error}"
        raise DemoFailed(msg) from error
    if not run.successful:
        msg = f"Metaflow has not recorded {pathspec} as successful"
        raise DemoFailed(msg)
    print(f"\nread back from Metaflow's run {pathspec}:")
    print(f"  best score  {run.data.best_score:.4f}")
    print(f"  with        {run.data.best_params}")
    print(f"  model       {run.data.model}")
    return run


def client_snippet(pathspec: str) -> str:
    """Return the command that opens the run *pathspec* in Python."""
    code = (
        "from metaflow import Run, namespace; namespace(None); "
        f"print(Run('{pathspec}').data.best_params)"
    )
    return f'cd {STATE} && {sys.executable} -c "{code}"'


def _save_card(run: Run) -> Path:
    """Write the card of *run* as a page; raise `DemoFailed` where it has none."""
    from metaflow.cards import get_cards
    from metaflow.exception import MetaflowException

    page = STATE / "digits-card.html"
    try:
        cards = get_cards(run["evaluate"].task)
    except MetaflowException as error:
        msg = f"the step `evaluate` left no card: {error}"
        raise DemoFailed(msg) from error
    page.write_text(cards[0].get(), encoding="utf-8")
    return page


def _run_flow() -> str:
    """Run the flow and return the pathspec of its Metaflow run."""
    run_id_file = STATE / "run-id"
    run_id_file.unlink(missing_ok=True)
    with Processes() as processes:
        processes.run(
            "digits_flow.py prefect run",
            [sys.executable, FLOW_FILE, "prefect", "run", "--run-id-file", run_id_file],
        )
    return f"DigitsFlow/{run_id_file.read_text(encoding='utf-8').strip()}"


def exit_code_of(demo: Callable[[], None]) -> int:
    """Call *demo*; say what went wrong if something did, and return the exit code for it."""
    # What we print must not come after what the processes print later.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream here
    try:
        with exit_on_signals():
            demo()
    except DemoFailed as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _demo() -> None:
    prefect_home = STATE / "prefect"
    use_local_state(prefect_home)
    try:
        pathspec = _run_flow()
    except BaseException:
        # Nobody will look at its page now.
        local_server.stop(prefect_home, even_if_used=True)
        raise
    run = read_back(pathspec)
    print(f"  card        {_save_card(run)}")
    flow_run_id = pathspec.rpartition("/prefect-")[2]
    server = local_server.status(prefect_home).server
    print("\nlook at it again:")
    print(f"  Metaflow's run   {client_snippet(pathspec)}")
    if server is not None:
        page = server.url.removesuffix("/api")
        # Where it is typed Metaflow may have no name to record either.
        variables = f"METAFLOW_USER={METAFLOW_USER} PREFECT_HOME={prefect_home}"
        command = f"{variables} {sys.executable} {FLOW_FILE} prefect server stop"
        print(f"  Prefect's page   {page}/runs/flow-run/{flow_run_id}")
        print(
            f"                   (the server ends when idle for {server.idle_seconds:.0f} s, or by"
        )
        print(f"                   {command})")


if __name__ == "__main__":
    sys.exit(exit_code_of(_demo))
