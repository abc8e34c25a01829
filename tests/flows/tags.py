"""Tags given when the run begins."""

from metaflow import FlowSpec, current, step


class TagsFlow(FlowSpec):
    @step
    def start(self):
        self.tags = sorted(t for t in current.tags if t.startswith("my"))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TagsFlow()
