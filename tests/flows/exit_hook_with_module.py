"""A hook of a flow that imports a module beside it."""

from support import notices

from metaflow import FlowSpec, exit_hook, step


def happy(run):
    notices.leave(run)


@exit_hook(on_success=[happy])
class ExitHookWithModuleFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitHookWithModuleFlow()
