"""Steps with containers of their own in deployments: by @northflank, with a retry, and a join that asks for more."""

from metaflow import FlowSpec, current, northflank, resources, retry, step


class NorthflankFlow(FlowSpec):
    @step
    def start(self):
        self.items = ["a", "b", "c", "d", "e"]
        self.next(self.train, foreach="items")

    @northflank(cpu=0.5, memory=900, tasks_per_container=2, at_once=2, max_containers=3)
    @resources(memory=800, gpu=0)
    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        if self.input == "c" and current.retry_count == 0:
            raise ValueError("the first attempt fails")
        print(f"training on {self.input}")
        self.letter = self.input.upper()
        self.attempt = current.retry_count
        self.next(self.join)

    @northflank
    @step
    def join(self, inputs):
        self.word = "".join(one.letter for one in inputs)
        self.attempts = [one.attempt for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        print(self.word, self.attempts)


if __name__ == "__main__":
    NorthflankFlow()
