"""A step that asks for a long pause before it is tried again, where whoever runs the flow does not want to wait."""

from metaflow import FlowSpec, current, retry, step


class RetryAfterAPauseFlow(FlowSpec):
    @retry(times=1, minutes_between_retries=10)
    @step
    def start(self):
        if current.retry_count == 0:
            raise ValueError("not yet")
        self.attempt = current.retry_count
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RetryAfterAPauseFlow()
