from metaflow import FlowSpec, Parameter, schedule, step


@schedule(daily=True)
class RequiredFlow(FlowSpec):
    alpha = Parameter("alpha", type=float, required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RequiredFlow()
