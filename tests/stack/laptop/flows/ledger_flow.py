"""Three tasks in containers, each of which leaves a file for each execution."""

import os
import time

from metaflow import FlowSpec, Parameter, current, northflank, retry, step


class LedgerFlow(FlowSpec):
    ledger = Parameter("ledger")

    @step
    def start(self):
        self.items = ["a", "b", "c"]
        self.next(self.work, foreach="items")

    @retry(times=2, minutes_between_retries=0)
    @northflank(plan="nf-compute-100-1")
    @step
    def work(self):
        place = f"{current.run_id}-{current.task_id}-{current.retry_count}"
        path = os.path.join(self.ledger, f"{place}.{os.urandom(4).hex()}")
        with open(path, "w") as file:
            file.write(str(os.getpid()))
        time.sleep(1)
        self.letter = self.input.upper()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.word = "".join(it.letter for it in inputs)
        self.next(self.end)

    @step
    def end(self):
        print(self.word)


if __name__ == "__main__":
    LedgerFlow()
