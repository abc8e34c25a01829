"""The join merges only what it names; the rest is gone afterwards."""

from metaflow import FlowSpec, step


class MergeArtifactsIncludeFlow(FlowSpec):
    @step
    def start(self):
        self.kept = 1
        self.lost = 2
        self.next(self.a, self.b)

    @step
    def a(self):
        self.next(self.join)

    @step
    def b(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs, include=["kept"])
        self.next(self.end)

    @step
    def end(self):
        self.has_lost = hasattr(self, "lost")


if __name__ == "__main__":
    MergeArtifactsIncludeFlow()
