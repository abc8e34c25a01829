from metaflow import FlowSpec, batch, kubernetes, step, schedule


@schedule(cron="99 1 1 1 1")
class RefusedFlow(FlowSpec):
    @batch
    @step
    def start(self):
        self.next(self.end)

    @kubernetes(cpu=2)
    @step
    def end(self):
        pass


if __name__ == "__main__":
    RefusedFlow()
