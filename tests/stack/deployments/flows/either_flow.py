from metaflow import FlowSpec, step, trigger_on_finish


@trigger_on_finish(flows=["AFlow", "BFlow"], options={"require": "any"})
class EitherFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EitherFlow()
