from metaflow import FlowSpec, Parameter, step


class BenchNested(FlowSpec):
    width = Parameter("width", default=10)

    @step
    def start(self):
        self.rows = list(range(self.width))
        self.next(self.row, foreach="rows")

    @step
    def row(self):
        self.columns = list(range(self.width))
        self.next(self.cell, foreach="columns")

    @step
    def cell(self):
        self.value = self.input
        self.next(self.join_row)

    @step
    def join_row(self, inputs):
        self.total = sum(one.value for one in inputs)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.total for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == self.width * sum(range(self.width))


if __name__ == "__main__":
    BenchNested()
