"""times=0 means one attempt."""

from metaflow import FlowSpec, current, retry, step


class RetryNoneFlow(FlowSpec):
    @retry(times=0)
    @step
    def start(self):
        self.attempt = current.retry_count
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RetryNoneFlow()
