"""A branch, a foreach with a retry, a failure that is caught, a timeout, a card, variables: all in containers."""

import os
import time

from metaflow import FlowSpec, Parameter, card, catch, current, environment, retry, step, timeout
from metaflow.cards import Markdown


class EverythingFlow(FlowSpec):
    ledger = Parameter("ledger")

    def note(self, what):
        """Leave a file for each execution."""
        name = f"{what}-{current.retry_count}-{os.urandom(4).hex()}"
        open(os.path.join(self.ledger, name), "w").close()

    @card(type="blank")
    @step
    def start(self):
        self.note("start")
        current.card.append(Markdown("# Hello"))
        self.words = ["a", "b"]
        self.next(self.wide, self.narrow)

    @environment(vars={"GREETING": 'it\'s ${HOME} "quoted"'})
    @step
    def narrow(self):
        self.note("narrow")
        self.greeting = os.environ["GREETING"]
        print("greeting", self.greeting)
        self.next(self.both)

    @step
    def wide(self):
        self.note("wide")
        self.next(self.each, foreach="words")

    @retry(times=2, minutes_between_retries=0)
    @step
    def each(self):
        self.note(f"each-{self.input}")
        if self.input == "a" and current.retry_count == 0:
            raise ValueError("the first attempt")
        self.word = self.input.upper()
        self.attempt = current.retry_count
        self.next(self.join)

    @step
    def join(self, inputs):
        self.note("join")
        self.word = "".join(it.word for it in inputs)
        self.attempts = [it.attempt for it in inputs]
        self.next(self.both)

    @catch(var="slow", print_exception=False)
    @timeout(seconds=5)
    @step
    def both(self, inputs):
        self.note("both")
        self.merge_artifacts(inputs)
        time.sleep(300)
        self.next(self.end)

    @step
    def end(self):
        self.note("end")
        self.here = sorted(name for name in os.environ if "TOKEN" in name)


if __name__ == "__main__":
    EverythingFlow()
