"""A hook that runs because the run succeeded."""

from metaflow import FlowSpec, exit_hook, step


def happy(run):
    print("hook saw", run.successful)


@exit_hook(on_success=[happy])
class ExitHookFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitHookFlow()
