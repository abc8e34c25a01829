from metaflow import FlowSpec, Parameter, pypi, step


class PackagesBench(FlowSpec):
    """A foreach whose tasks have packages of their own."""

    width = Parameter("width", default=1)

    @step
    def start(self):
        self.items = list(range(self.width))
        self.next(self.work, foreach="items")

    @pypi(packages={"humanize": ">=4"})
    @step
    def work(self):
        import humanize

        self.word = humanize.intcomma(self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.words = [one.word for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PackagesBench()
