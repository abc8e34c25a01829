"""Parameters named as things that generated code likes to use."""

from metaflow import FlowSpec, Parameter, step


class ParametersWithClashingNamesFlow(FlowSpec):
    a = Parameter("flow_run", default="1")
    b = Parameter("task", default="2")
    c = Parameter("name", default="3")
    d = Parameter("self", default="4")
    e = Parameter("import", default="5")
    f = Parameter("Upper-Case", default="6")
    g = Parameter("parameters", default="7")
    h = Parameter("step", default="8")

    @step
    def start(self):
        self.all = "".join([self.a, self.b, self.c, self.d, self.e, self.f, self.g, self.h])
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParametersWithClashingNamesFlow()
