"""A step uses pools of processes, forked and spawned."""

import multiprocessing
from math import factorial

from metaflow import FlowSpec, step


class MultiprocessingPoolFlow(FlowSpec):
    @step
    def start(self):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            self.forked = pool.map(factorial, [3, 4])
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            self.spawned = pool.map(factorial, [5])
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MultiprocessingPoolFlow()
