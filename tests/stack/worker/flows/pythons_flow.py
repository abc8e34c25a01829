import sys

from metaflow import FlowSpec, northflank, pypi, step


class PythonsFlow(FlowSpec):
    """Three containers with three Pythons, and two versions of a package in one of them."""

    @pypi(python="3.12", packages={"tinypkg": "1.0"})
    @step
    def start(self):
        import tinypkg

        self.seen = [(sys.version_info[:2], tinypkg.__version__)]
        self.next(self.train)

    @northflank(memory=500)
    @pypi(python="3.13", packages={"tinypkg": "2.0"})
    @step
    def train(self):
        import tinypkg

        self.seen = [*self.seen, (sys.version_info[:2], tinypkg.__version__)]
        self.next(self.report)

    @northflank(memory=500)
    @pypi(python="3.10", packages={"tinypkg": "1.0"})
    @step
    def report(self):
        import tinypkg

        self.seen = [*self.seen, (sys.version_info[:2], tinypkg.__version__)]
        self.next(self.end)

    @pypi(python="3.12", packages={"tinypkg": "2.0"})
    @step
    def end(self):
        import tinypkg

        self.seen = [*self.seen, (sys.version_info[:2], tinypkg.__version__)]


if __name__ == "__main__":
    PythonsFlow()
