"""An artifact is changed, another is set to None; one that is set and deleted in one step never was."""

from metaflow import FlowSpec, step


class ArtifactsOverwrittenFlow(FlowSpec):
    @step
    def start(self):
        self.a = self.b = [1]
        self.next(self.middle)

    @step
    def middle(self):
        self.a.append(2)
        self.b = None
        self.gone = 1
        del self.gone
        self.next(self.end)

    @step
    def end(self):
        self.has = [hasattr(self, name) for name in ("a", "b", "gone")]


if __name__ == "__main__":
    ArtifactsOverwrittenFlow()
