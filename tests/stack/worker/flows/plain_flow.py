from metaflow import FlowSpec, step


class PlainFlow(FlowSpec):
    """Asks for nothing."""

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PlainFlow()
