"""A hook that a configuration names: a function of a module beside the flow."""

from metaflow import Config, FlowSpec, config_expr, exit_hook, step


@exit_hook(on_success=config_expr("cfg.hooks"))
class ExitHookFromConfigFlow(FlowSpec):
    cfg = Config("cfg", default_value={"hooks": ["support.notices.leave"]})

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitHookFromConfigFlow()
