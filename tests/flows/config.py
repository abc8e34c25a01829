"""A configuration feeds a parameter's default and a decorator's argument."""

from metaflow import Config, FlowSpec, Parameter, config_expr, retry, step


class ConfigFlow(FlowSpec):
    cfg = Config("cfg", default_value={"n": 5, "times": 1, "name": "x"})
    n = Parameter("n", default=cfg.n)

    @retry(times=config_expr("cfg.times"), minutes_between_retries=0)
    @step
    def start(self):
        self.both = (self.n, self.cfg.name)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ConfigFlow()
