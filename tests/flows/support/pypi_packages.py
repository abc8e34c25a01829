"""Under --environment=pypi, each step has the versions of packages that it asks for."""

from metaflow import FlowSpec, pypi, step


class PypiPackagesFlow(FlowSpec):
    @pypi(packages={"tinypkg": "1.0"})
    @step
    def start(self):
        import tinypkg

        print("start has tinypkg", tinypkg.__version__)
        self.old = tinypkg.__version__
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @pypi(packages={"tinypkg": ">=2"})
    @step
    def work(self):
        import tinypkg

        print("work has tinypkg", tinypkg.__version__)
        self.new = tinypkg.__version__
        self.next(self.join)

    @pypi(disabled=True)
    @step
    def join(self, inputs):
        try:
            import tinypkg
        except ImportError:
            self.seen = None
        else:
            self.seen = tinypkg.__version__
        self.versions = [task.new for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("join has seen", self.seen, "and work", self.versions)


if __name__ == "__main__":
    PypiPackagesFlow()
