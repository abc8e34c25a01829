import os

from metaflow import FlowSpec, schedule, step


@schedule(cron="* * * * *")
class TimelyFlow(FlowSpec):
    @step
    def start(self):
        self.due = os.environ["METAFLOW_PREFECT_SCHEDULED_TIME"]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TimelyFlow()
