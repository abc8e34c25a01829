"""Parameters and steps named as keywords, builtins and each other."""

from metaflow import FlowSpec, Parameter, step


class ParametersWithAwkwardNamesFlow(FlowSpec):
    a = Parameter("class", default="c")
    b = Parameter("flow", default=1)
    c = Parameter("execute", default=2)
    d = Parameter("my-task", default="t")
    e = Parameter("print", default=True)
    f = Parameter("start", default="s")

    @step
    def start(self):
        self.all = [self.a, self.b, self.c, self.d, self.e, self.f]
        self.next(self.flow)

    @step
    def flow(self):
        self.next(self.task)

    @step
    def task(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.all)


if __name__ == "__main__":
    ParametersWithAwkwardNamesFlow()
