import os
import time
from pathlib import Path

import psutil
from metaflow import FlowSpec, Parameter, catch, current, northflank, retry, step


class LostFlow(FlowSpec):
    """Steps that lose their containers; each execution leaves a file in the ledger."""

    ledger = Parameter("ledger")

    def note(self, name):
        number = len(list(Path(self.ledger).glob(f"{name}.*")))
        (Path(self.ledger) / f"{name}.{number}").touch()
        return number

    def lose_the_container(self):
        for process in psutil.Process().parents():
            if "flow-run" in process.cmdline():
                process.kill()
        time.sleep(600)

    @step
    def start(self):
        self.items = [0, 1, 2]
        self.next(self.train, foreach="items")

    @northflank(memory=700, tasks_per_container=3)
    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        if self.note(f"train-{self.input}") == 0 and self.input == 1:
            self.lose_the_container()
        self.attempt = current.retry_count
        self.next(self.join)

    @step
    def join(self, inputs):
        self.attempts = [one.attempt for one in inputs]
        self.next(self.stubborn)

    @northflank(memory=700)
    @catch(var="failure")
    @retry(times=0)
    @step
    def stubborn(self):
        self.note("stubborn")
        self.lose_the_container()
        self.next(self.end)

    @step
    def end(self):
        self.has_failure = bool(self.failure)
        self.executed = sorted(path.name for path in Path(self.ledger).iterdir())


if __name__ == "__main__":
    LostFlow()
