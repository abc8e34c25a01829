"""Artifacts of some megabytes, and one that two steps share."""

from metaflow import FlowSpec, step


class BigArtifactsFlow(FlowSpec):
    @step
    def start(self):
        self.big = bytes(range(256)) * 20_000
        self.text = "é" * 1_000_000
        self.next(self.end)

    @step
    def end(self):
        self.same = self.big
        self.size = len(self.big) + len(self.text)


if __name__ == "__main__":
    BigArtifactsFlow()
