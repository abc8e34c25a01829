from metaflow import FlowSpec, step


class BenchBranch(FlowSpec):
    @step
    def start(self):
        self.next(self.b0, self.b1, self.b2, self.b3, self.b4, self.b5, self.b6, self.b7)

    @step
    def b0(self):
        self.next(self.join)

    @step
    def b1(self):
        self.next(self.join)

    @step
    def b2(self):
        self.next(self.join)

    @step
    def b3(self):
        self.next(self.join)

    @step
    def b4(self):
        self.next(self.join)

    @step
    def b5(self):
        self.next(self.join)

    @step
    def b6(self):
        self.next(self.join)

    @step
    def b7(self):
        self.next(self.join)

    @step
    def join(self, _inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BenchBranch()
