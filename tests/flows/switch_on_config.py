"""The cases are entries of a configuration."""

from metaflow import Config, FlowSpec, step


class SwitchOnConfigFlow(FlowSpec):
    cfg = Config("cfg", default_value={"quick": "q", "careful": "c"})

    @step
    def start(self):
        self.how = "c"
        self.next({self.cfg.quick: self.quick, self.cfg.careful: self.careful}, condition="how")

    @step
    def quick(self):
        self.next(self.end)

    @step
    def careful(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchOnConfigFlow()
