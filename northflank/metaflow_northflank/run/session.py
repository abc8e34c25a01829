"""The hooks of all steps with @northflank in the process of a run: one session for the run, whichever step asks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import uuid4

from metaflow_northflank import settings as settings_module
from metaflow_northflank.errors import NorthflankRefused
from metaflow_northflank.heartbeat import INTERVAL_SECONDS, LOST_AFTER, Heartbeat
from metaflow_northflank.protocol import SOCKET, Ask, Message
from metaflow_northflank.run import broker_folder
from metaflow_northflank.run.broker_process import BrokerProcess
from metaflow_northflank.run.lost_runs import last_sign, lost_runs
from metaflow_northflank.run.needs import step_needs
from metaflow_northflank.settings import Orphans, Settings

DATASTORES = ("s3", "azure", "gs")
"""The datastores that a container can reach."""

_SILENCE_SECONDS = 15.0
"""How long a run waits for Northflank's first answers before it says that it does."""

_sessions: dict[str, RunSession] = {}


def begin(
    flow: Any, package: Any, run_id: str, flow_datastore: Any, logger: Any
) -> RunSession | None:
    """Return the session of a run, and begin it with the first step that asks; None if its steps run here.

    Raises:
        NorthflankRefused: the run cannot work; nothing was started.
    """
    if run_id not in _sessions:
        settings, refused = settings_module.read()
        if settings.run_locally:
            return None
        session = RunSession(flow, package, run_id, flow_datastore, logger, settings)
        session.begin([str(it) for it in refused])
        _sessions[run_id] = session
    return _sessions[run_id]


class RunSession:
    """What a run keeps beside Metaflow: its broker, the code package's place, the sign of life."""

    def __init__(
        self,
        flow: Any,
        package: Any,
        run_id: str,
        flow_datastore: Any,
        logger: Any,
        settings: Settings,
    ) -> None:
        self._flow = flow
        self._package = package
        self._run_id = run_id
        self._flow_datastore = flow_datastore
        self._logger = logger
        self._settings = settings
        # Two users may have runs of the same id: without a metadata service it is the time.
        self._nonce = uuid4().hex
        self._broker = BrokerProcess()
        self._code: tuple[str, str, str] | None = None
        self._stopped = threading.Event()
        self._living = threading.Thread(target=self._live, name="northflank-heartbeat", daemon=True)
        self._is_over = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the processes of tasks need."""
        stops = self._settings.orphans is Orphans.STOP
        return {
            SOCKET: self._broker.path,
            LOST_AFTER: f"{self._settings.lost_after_seconds:g}" if stops else "",
        }

    def begin(self, refused: list[str]) -> None:
        """Check everything, in the broker what needs Northflank; then give signs of life."""
        if self._flow_datastore.TYPE not in DATASTORES:
            refused.append(_unreachable_datastore(self._flow_datastore.TYPE))
        try:
            self._broker.start()
            with self._saying_what_takes_long():
                answer = self._ask_broker()
        except BaseException:
            self._broker.close()
            raise
        refused += answer["refused"]
        if refused:
            self._broker.close()
            raise NorthflankRefused(refused)
        for line in answer["lines"]:
            self._logger(f"Northflank: {line}", system_msg=True)
        self._living.start()
        threading.Thread(
            target=self._remove_what_is_left, name="northflank-left", daemon=True
        ).start()

    @contextmanager
    def _saying_what_takes_long(self) -> Iterator[None]:
        line = "Northflank has not answered yet; the run tries again for up to a minute."
        late = threading.Timer(_SILENCE_SECONDS, self._logger, (line,), {"system_msg": True})
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()

    def _ask_broker(self) -> Message:
        from metaflow.util import get_username

        settings = self._settings
        return self._broker.prepare(
            flow=self._flow.name,
            run_id=self._run_id,
            nonce=self._nonce,
            user=get_username(),
            project=settings.project,
            team=settings.team,
            max_containers=settings.max_containers,
            leave=settings.orphans is Orphans.FINISH,
            steps={
                step.__name__: step_needs(decorator, step.decorators, settings)
                for step, decorator in _decorated(self._flow)
            },
        )

    def code_package(self) -> tuple[str, str, str]:
        """Return metadata, hash and address of the code package; upload it the first time."""
        if self._code is None:
            from metaflow.metaflow_config import FEAT_ALWAYS_UPLOAD_CODE_PACKAGE

            package = self._package
            if FEAT_ALWAYS_UPLOAD_CODE_PACKAGE:
                url, sha = package.package_url(), package.package_sha()
            else:
                url, sha = self._flow_datastore.save_data([package.blob], len_hint=1)[0]
            self._code = (package.package_metadata, sha, url)
        return self._code

    def send_elsewhere(self, cli_args: Any) -> None:
        """Have the process of a task start a container instead of executing the step."""
        cli_args.commands = ["northflank", "step"]
        cli_args.command_args += self.code_package()
        cli_args.env.update(self.environment)
        cli_args.entrypoint[0] = sys.executable

    def finish(self, exception: BaseException | None) -> None:
        """End what still runs, or leave it where the user chose so; once."""
        if self._is_over:
            return
        self._is_over = True
        leave = exception is not None and self._settings.orphans is Orphans.FINISH
        answer = self._broker.finish(leave=leave)
        self._stopped.set()
        self._broker.close()
        self._living.join(_LAST_SIGN_SECONDS)
        if answer is None:
            self._logger(_NOT_ANSWERED, system_msg=True, bad=True)
            return
        for line in answer["lines"]:
            self._logger(f"Northflank: {line}", system_msg=True)

    def _live(self) -> None:
        """Give signs of life, and replace the broker if it dies, until the run ends."""
        heartbeat = Heartbeat(self._flow_datastore, self._run_id)
        beat = partial(
            heartbeat.beat,
            nonce=self._nonce,
            lost_after=self._settings.lost_after_seconds,
            may_finish=self._settings.orphans is Orphans.FINISH,
        )
        is_over = False
        while not is_over:
            # A sign that cannot be given is given with the next look: the datastore may fail for a moment.
            with suppress(Exception):
                beat()
            with suppress(Exception):
                self._broker.keep_alive()
            is_over = self._stopped.wait(INTERVAL_SECONDS)
        # What the broker could not end ends by this, and a later run may remove what is left.
        with suppress(Exception):
            beat(is_last=True)

    def _remove_what_is_left(self) -> None:
        """Remove what this user's earlier runs have left that were killed with their brokers: folders here, and jobs."""
        # The next run tries again.
        with suppress(OSError):
            broker_folder.remove_left()
        with suppress(Exception):
            left = self._broker.ask_apart(Ask.FIND_LEFT)["jobs"]
            lost = lost_runs(
                partial(last_sign, self._flow_datastore),
                (it["run_id"] for it in left),
                wait=self._stopped.wait,
            )
            jobs = [
                {**it, "nonce": sign.nonce, "may_finish": sign.may_finish}
                for it in left
                if (sign := lost.get(it["run_id"])) is not None
            ]
            if not jobs or self._stopped.is_set():
                return
            for it in self._broker.ask_apart(Ask.REMOVE_LEFT, jobs=jobs)["jobs"]:
                words = f"Northflank: job {it['job']} was left by run {it['run_id']}, which is gone; it is deleted."
                self._logger(words, system_msg=True)


_LAST_SIGN_SECONDS = 10.0
"""How long the run's end waits for its last sign of life to be saved."""

_NOT_ANSWERED = (
    "Northflank: it is unknown whether containers of this run still run. "
    "See `northflank list`, and end them with `northflank kill`."
)


def _decorated(flow: Any) -> Iterable[tuple[Any, Any]]:
    """Yield the steps with @northflank, and that decorator."""
    for step in flow:
        for decorator in step.decorators:
            if decorator.name == "northflank":
                yield step, decorator


def _unreachable_datastore(kind: str) -> str:
    known = ", ".join(f"--datastore={it}" for it in DATASTORES)
    return (
        f"--datastore={kind}: a container cannot reach it. Fix: use one of {known}, "
        "or set METAFLOW_DEFAULT_DATASTORE (https://docs.metaflow.org/admin-guide)."
    )
