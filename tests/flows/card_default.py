"""The default card, and one that fails to render: the step succeeds all the same."""

from metaflow import FlowSpec, card, step


class CardDefaultFlow(FlowSpec):
    @card
    @card(type="no-such-type", id="broken")
    @step
    def start(self):
        self.x = 1
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CardDefaultFlow()
