"""Properties and plain methods of the flow are no artifacts."""

from metaflow import FlowSpec, step


class PropertiesAndHelpersFlow(FlowSpec):
    @property
    def doubled(self):
        return self.x * 2

    def helper(self, n):
        return n + self.x

    @step
    def start(self):
        self.x = 5
        self.y = self.helper(self.doubled)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PropertiesAndHelpersFlow()
