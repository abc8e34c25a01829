import sys

from metaflow import FlowSpec, northflank, pypi, step


class PythonsFlow(FlowSpec):
    """Three containers with three Pythons, and two versions of a package in one of them."""

    @pypi(python="3.12", packages={"tinypkg": "1.0"})
    @step
    def start(self):
        import tinypkg

        self.first = [sys.version_info[:2], tinypkg.__version__]
        self.next(self.newer, self.older)

    @northflank(memory=500)
    @pypi(python="3.13", packages={"tinypkg": "2.0"})
    @step
    def newer(self):
        import tinypkg

        self.own = [sys.version_info[:2], tinypkg.__version__]
        self.next(self.join)

    @northflank(memory=500)
    @pypi(python="3.10", packages={"tinypkg": "1.0"})
    @step
    def older(self):
        import tinypkg

        self.own = [sys.version_info[:2], tinypkg.__version__]
        self.next(self.join)

    @pypi(python="3.12", packages={"tinypkg": "2.0"})
    @step
    def join(self, inputs):
        import tinypkg

        last = [sys.version_info[:2], tinypkg.__version__]
        self.seen = [inputs.newer.first, inputs.newer.own, inputs.older.own, last]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PythonsFlow()
