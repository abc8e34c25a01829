"""Under --environment=pypi, each step has the versions of packages that it asks for."""

import sys

from metaflow import FlowSpec, pypi, step


class PypiPackagesFlow(FlowSpec):
    @pypi(packages={"tinypkg": "1.0"})
    @step
    def start(self):
        import tinypkg

        self.old = tinypkg.__version__
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @pypi(packages={"tinypkg": ">=2"})
    @step
    def work(self):
        import subprocess

        import tinypkg

        print("tinypkg", tinypkg.__version__)
        self.new = tinypkg.__version__
        code = "import tinypkg; print(tinypkg.__version__)"
        self.by_name = subprocess.check_output(["python", "-c", code], text=True).strip()
        self.next(self.join)

    @pypi(disabled=True)
    @step
    def join(self, inputs):
        try:
            import tinypkg
        except ImportError:
            self.without = True
        else:
            self.without = False
        self.versions = [task.new for task in inputs]
        self.by_name = [task.by_name for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        print(self.versions, self.by_name, self.without)


if __name__ == "__main__":
    PypiPackagesFlow()
