import os

from metaflow import FlowSpec, environment, step


class SecretiveFlow(FlowSpec):
    @environment(vars={"TOKEN": os.environ["DEPLOY_TOKEN"], "LEVEL": "7"})
    @step
    def start(self):
        self.length = len(os.environ["TOKEN"])
        self.level = os.environ["LEVEL"]
        self.next(self.end)

    @step
    def end(self):
        self.elsewhere = os.environ.get("TOKEN")


if __name__ == "__main__":
    SecretiveFlow()
