"""@resources and @schedule change nothing in a local run."""

from metaflow import FlowSpec, resources, schedule, step


@schedule(cron="0 3 * * ? *", timezone="Europe/Berlin")
class ResourcesAndScheduleFlow(FlowSpec):
    @resources(cpu=2, memory=8000)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ResourcesAndScheduleFlow()
