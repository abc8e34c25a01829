from metaflow import FlowSpec, step, trigger


@trigger(event={"name": "a", "parameters": {"nope": "x"}})
class BadFieldFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BadFieldFlow()
