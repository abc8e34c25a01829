"""A configuration given on the command line in place of the default."""

from metaflow import Config, FlowSpec, step


class ConfigValueGivenFlow(FlowSpec):
    cfg = Config("cfg", default_value={"n": 1, "deep": {"x": "y"}})

    @step
    def start(self):
        self.n = self.cfg.n
        self.deep = dict(self.cfg.deep)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ConfigValueGivenFlow()
