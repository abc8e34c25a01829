"""All attempts fail; then @catch gives up gracefully."""

from metaflow import FlowSpec, catch, current, retry, step


class CatchWithRetryFlow(FlowSpec):
    @catch(var="failure")
    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        print("attempt", current.retry_count)
        raise ValueError("always")
        self.next(self.end)

    @step
    def end(self):
        self.caught = bool(self.failure)


if __name__ == "__main__":
    CatchWithRetryFlow()
