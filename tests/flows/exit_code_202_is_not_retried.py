"""Exit code 202 means: do not try again."""

import os

from metaflow import FlowSpec, retry, step


class ExitCode202IsNotRetriedFlow(FlowSpec):
    @retry(times=3, minutes_between_retries=0)
    @step
    def start(self):
        print("once", flush=True)
        os._exit(202)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitCode202IsNotRetriedFlow()
