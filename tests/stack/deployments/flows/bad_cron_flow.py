from metaflow import FlowSpec, schedule, step


@schedule(cron="every day")
class BadCronFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BadCronFlow()
