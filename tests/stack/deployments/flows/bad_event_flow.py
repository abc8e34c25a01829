from metaflow import FlowSpec, step, trigger


@trigger(event="a b")
class BadEventFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BadEventFlow()
