from metaflow import FlowSpec, IncludeFile, step


class IncludedFlow(FlowSpec):
    table = IncludeFile("table", default="no_such_table.csv")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    IncludedFlow()
