"""What `current` says under @project."""

from metaflow import FlowSpec, current, project, step


@project(name="tests")
class ProjectFlow(FlowSpec):
    @step
    def start(self):
        self.names = (current.project_name, current.branch_name, current.project_flow_name)
        self.production = current.is_production
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProjectFlow()
