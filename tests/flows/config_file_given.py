"""A configuration is read from a file that is named on the command line."""

from metaflow import Config, FlowSpec, step


class ConfigFileGivenFlow(FlowSpec):
    cfg = Config("cfg", default_value={"n": 1})

    @step
    def start(self):
        self.n = self.cfg.n
        self.names = list(self.cfg.names)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ConfigFileGivenFlow()
