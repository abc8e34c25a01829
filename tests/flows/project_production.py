"""What `current` says on a production branch."""

from metaflow import FlowSpec, current, project, step


@project(name="tests")
class ProjectProductionFlow(FlowSpec):
    @step
    def start(self):
        self.names = (current.project_name, current.branch_name, current.project_flow_name)
        self.production = (current.is_production, current.is_user_branch)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProjectProductionFlow()
