import os

from metaflow import FlowSpec, current, northflank, retry, step


class ContainedFlow(FlowSpec):
    """Steps in the flow's container, and steps in containers of their own."""

    @step
    def start(self):
        self.items = list("abcde")
        self.where = os.getpid()
        self.next(self.train, foreach="items")

    @northflank(cpu=0.5, memory=900, tasks_per_container=2)
    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        if self.input == "c" and current.retry_count == 0:
            raise ValueError("the first attempt fails")
        print(f"training on {self.input}")
        self.parent_process = os.getppid()
        self.letter, self.attempt = self.input.upper(), current.retry_count
        self.next(self.join)

    @northflank(memory=700)
    @step
    def join(self, inputs):
        self.word = "".join(one.letter for one in inputs)
        self.attempts = [one.attempt for one in inputs]
        self.processes = [one.parent_process for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        print(self.word)


if __name__ == "__main__":
    ContainedFlow()
