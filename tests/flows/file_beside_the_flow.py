"""A step opens a file that is packaged with the flow."""

from metaflow import FlowSpec, step


class FileBesideTheFlowFlow(FlowSpec):
    @step
    def start(self):
        with open("support/config.json") as file:
            self.text = file.read()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FileBesideTheFlowFlow()
