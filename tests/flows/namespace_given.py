"""What the client sees in a step is chosen on the command line."""

from metaflow import FlowSpec, get_namespace, step


class NamespaceGivenFlow(FlowSpec):
    @step
    def start(self):
        self.seen = get_namespace()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    NamespaceGivenFlow()
