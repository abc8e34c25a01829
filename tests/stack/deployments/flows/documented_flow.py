from metaflow import FlowSpec, Parameter, environment, project, retry, step, timeout


@project(name="my_team")
class MyFlow(FlowSpec):
    message = Parameter("message", default="hi")
    count = Parameter("count", default=1)

    @retry(times=3, minutes_between_retries=2)
    @timeout(seconds=600)
    @environment(vars={"API_KEY": "secret"})
    @step
    def start(self):
        import os

        self.said = [self.message] * self.count
        self.key = os.environ["API_KEY"]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MyFlow()
