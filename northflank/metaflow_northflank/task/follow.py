"""Follows the container of one attempt: asks the broker to start it, records each start, and waits for its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from metaflow_northflank.attempt import Arrival, AttemptRecord, ContainerExit
from metaflow_northflank.protocol import Ask, Message, News
from metaflow_northflank.task.broker_client import Broken, BrokerClient, BrokerLost
from metaflow_northflank.task.outcome import FAILED, Outcome, outcome

FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.5, 5.0
"""Between two looks into the datastore, from the beginning to a long time later."""

SETTLE_SECONDS = 5.0
"""How long after Northflank shows the job run as over its container's last record may still be on its way."""

FIRST_QUESTION_SECONDS, LATER_QUESTIONS_SECONDS = 45.0, 180.0
"""When to ask what a container waits for; each answer costs a call."""

KILLED = 137
"""The exit code of a shell whose command SIGKILL has ended, as the kernel does when memory is out."""

ARRIVAL_SECONDS = 60.0
"""How long a container that has announced itself may take to say whether it executes the task."""


@dataclass(kw_only=True)
class Followed:
    """One attempt, followed to its end. `say` shows a sentence, `show_log` what the task has written since."""

    record: AttemptRecord
    broker: BrokerClient
    start: Mapping[str, Any]
    """The request to start."""
    say: Callable[[str], None]
    show_log: Callable[[], None]
    on_started: Callable[[str, str], None]
    """Called with job and job run."""
    clock: Callable[[], float] = time.monotonic
    tokens: list[str] = field(default_factory=list)
    job: str = ""
    run: str = ""
    began: float = 0.0
    concluded_at: float | None = None
    explanation: Message | None = None
    reason: str | None = None
    """Why Northflank says that the container ended; None if it has not been asked."""
    gives_up_at: float | None = None
    """When the container must have announced itself; None: no limit."""
    has_given_up: bool = False
    is_asked_why: bool = False
    has_arrived: bool = False
    """Whether the container has announced itself."""
    next_question: float = 0.0
    refusal: Message | None = None

    def wait(self) -> Outcome:
        """Have the container started, and return how the task ended.

        Raises:
            BrokerLost: the run is gone.
        """
        self.began = self.clock()
        self.next_question = self.began + FIRST_QUESTION_SECONDS
        self._ask_to_start()
        next_look = self.clock() + FIRST_LOOK_SECONDS
        while True:
            self._hear(max(next_look - self.clock(), 0.05))
            if self.refusal is not None:
                return Outcome(code=int(self.refusal["code"]), words=str(self.refusal["reason"]))
            if self.clock() < next_look:
                continue
            ended = self._look()
            if ended is not None:
                return ended
            age = self.clock() - self.began
            next_look = self.clock() + min(max(age / 20, FIRST_LOOK_SECONDS), LONGEST_LOOK_SECONDS)

    def _look(self) -> Outcome | None:
        """Return how the task ended, if that is certain."""
        ended = self.record.exit()
        self.show_log()
        if ended is None:
            return self._without_exit()
        if ended.code == KILLED and not ended.reason and self.reason is None:
            # Metaflow tries a task again whose process was killed, even if its data was complete by then.
            self._ask_why()
            return None
        return self._ended(ended)

    def _without_exit(self) -> Outcome | None:
        """Return how a task ended whose container has not recorded how it did."""
        if self.has_given_up:
            return None if self.reason is None else self._late()
        if self.concluded_at is None:
            self._ask_what_it_waits_for()
            if self.gives_up_at is not None and self.clock() >= self.gives_up_at:
                self._give_up()
            return None
        if self.clock() < self.concluded_at + SETTLE_SECONDS:
            return None
        return self._explain() if self.reason is None else self._ended(None)

    def _ended(self, ended: ContainerExit | None) -> Outcome:
        self.show_log()
        reason, explanation = self.reason or "", self.explanation or {}
        if ended is None:
            for line in explanation.get("lines", ()):
                self.say(f"container: {line}")
        elif not explanation.get("memory"):
            # The container lived to say how the step ended: only memory explains more.
            reason = ""
        return outcome(ended, succeeded=self.record.succeeded(), reason=reason)

    def _give_up(self) -> None:
        """Have the container execute nothing any more, unless it has begun meanwhile."""
        self.gives_up_at = None
        if self.has_arrived or any(self.record.arrival(token) is not None for token in self.tokens):
            return
        self.record.record_start(uuid4().hex)
        if any(self._executes(token) for token in self.tokens):
            return
        self.has_given_up = True
        self._tell(Ask.EXPLAIN)

    def _late(self) -> Outcome:
        words = (
            f"The task's container did not begin in time (pending_timeout_seconds): {self.reason}."
        )
        return Outcome(code=FAILED, words=words)

    def _explain(self) -> Outcome | None:
        # Metaflow's word is enough: a container that is lost after that has lost nothing.
        if self.record.succeeded():
            return Outcome(code=0)
        self._ask_why()
        return None

    def _ask_why(self) -> None:
        if not self.is_asked_why:
            self.is_asked_why = True
            self._tell(Ask.EXPLAIN)

    def _ask_what_it_waits_for(self) -> None:
        """Ask, now and then, what a container waits for that has not announced itself."""
        if not self.run or self.has_arrived or self.clock() < self.next_question:
            return
        self.has_arrived = any(self.record.arrival(token) is not None for token in self.tokens)
        if not self.has_arrived:
            self._tell(Ask.WAITS)
        self.next_question = self.clock() + LATER_QUESTIONS_SECONDS

    # -- the broker ------------------------------------------------------------------------------------------

    def _hear(self, seconds: float) -> None:
        """Take one piece of news, if there is any within *seconds*."""
        try:
            message = self.broker.news(seconds)
        except Broken:
            self._reconnect()
            return
        if message is not None:
            self._take(message)

    def _take(self, message: Message) -> None:
        match News(message["news"]):
            case News.WAITING:
                self.say(str(message["text"]))
            case News.TOKEN:
                self._record_start(str(message["token"]))
            case News.STARTED:
                self._has_started(message)
            case News.CONCLUDED:
                self.concluded_at = self.clock()
            case News.EXPLAINED:
                self.explanation = message
                self.reason = str(message["reason"])
            case News.REFUSED:
                self.refusal = message
            case News.PREPARED | News.FINISHED | News.LEFT:
                return

    def _has_started(self, message: Message) -> None:
        self.job, self.run = str(message["job"]), str(message["run"])
        patience = message["patience"]
        self.gives_up_at = None if patience is None else self.clock() + float(patience)
        self.on_started(self.job, self.run)

    def _ask_to_start(self) -> None:
        token = uuid4().hex
        self.record.record_start(token)
        self.tokens.append(token)
        self._tell(Ask.START, token=token, **self.start)

    def _tell(self, what: Ask, **details: Any) -> None:
        try:
            self.broker.ask(what, **details)
        except Broken:
            self._reconnect()

    def _reconnect(self) -> None:
        """Go on with the broker that replaces a dead one."""
        self.broker.close()
        self.broker.connect()
        try:
            if self.run:
                self.broker.ask(Ask.ATTACH, job=self.job, run=self.run, step=self.start["step"])
            else:
                # Whether the dead broker has started a container is unknown: this start needs a token of its own.
                self.broker.ask(Ask.START, token=None, **self.start)
            if self.is_asked_why and self.reason is None:
                self.broker.ask(Ask.EXPLAIN)
        except Broken as error:
            raise BrokerLost from error

    def _record_start(self, token: str) -> None:
        """Record the token of the next request to start, unless an earlier start executes the task."""
        self.record.record_start(token)
        executing = [earlier for earlier in self.tokens if self._executes(earlier)]
        if executing:
            # Whatever else was started sees a token that is not its own.
            self._tell(Ask.BEGUN)
            return
        self.tokens.append(token)
        self._tell(Ask.RECORDED, token=token)

    def _executes(self, token: str) -> bool:
        """Return whether the container of an earlier start executes the task."""
        deadline = self.clock() + ARRIVAL_SECONDS
        while (arrival := self.record.arrival(token)) is Arrival.ANNOUNCED:
            if self.clock() > deadline:
                return False
            time.sleep(FIRST_LOOK_SECONDS)
        return arrival is Arrival.EXECUTING


LOST = Outcome(code=FAILED, words="The run of this task is gone.")
"""The end of a task whose run is gone."""
