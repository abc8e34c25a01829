"""parallel_map forks within a step."""

from metaflow import FlowSpec, parallel_map, step


class ParallelMapFlow(FlowSpec):
    @step
    def start(self):
        self.squares = parallel_map(lambda n: n * n, [1, 2, 3, 4])
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParallelMapFlow()
