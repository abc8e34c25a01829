import os
import random
import time
import uuid
from pathlib import Path

from metaflow import FlowSpec, Parameter, current, northflank, retry, step


class LedgerFlow(FlowSpec):
    """Each execution of a task leaves a file in the ledger when it begins, and another when it is done."""

    ledger = Parameter("ledger")

    def note(self, moment):
        name = f"{moment}.{current.step_name}.{current.task_id}.{current.retry_count}"
        (Path(self.ledger) / f"{name}.{uuid.uuid4().hex[:8]}").touch()

    def work(self):
        self.note("begun")
        time.sleep(random.uniform(0.2, 3))
        self.note("done")

    @retry(times=4, minutes_between_retries=0)
    @step
    def start(self):
        self.work()
        self.items = list(range(8))
        self.next(self.train, foreach="items")

    @northflank(memory=700, tasks_per_container=3, at_once=2)
    @retry(times=4, minutes_between_retries=0)
    @step
    def train(self):
        self.work()
        self.square = self.input**2
        self.next(self.join)

    @northflank(memory=700)
    @retry(times=4, minutes_between_retries=0)
    @step
    def join(self, inputs):
        self.work()
        self.total = sum(one.square for one in inputs)
        self.next(self.end)

    @retry(times=4, minutes_between_retries=0)
    @step
    def end(self):
        self.work()
        assert self.total == 140


if __name__ == "__main__":
    LedgerFlow()
