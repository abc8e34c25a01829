from metaflow import FlowSpec, project, schedule, step


@schedule(daily=True)
@project(name="shop")
class ProjectFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProjectFlow()
