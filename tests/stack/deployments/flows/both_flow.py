from metaflow import FlowSpec, step, trigger


@trigger(events=["p", "q"])
class BothFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BothFlow()
