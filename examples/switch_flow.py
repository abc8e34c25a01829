"""Decide at run time which way to go, and go round in a circle until it is good enough.

Shows a switch between two arms that meet again without a join, and a switch whose arm leads back to
the step itself: each round is a task of its own.

    python switch_flow.py run --number 2
    python switch_flow.py prefect run --number -1
"""

from metaflow import FlowSpec, Parameter, step


class SwitchFlow(FlowSpec):
    """Find a square root by Newton's method, or say why there is none."""

    number = Parameter("number", type=float, default=2.0, help="whose square root to find")
    tolerance = Parameter("tolerance", type=float, default=1e-9, help="how far off is good enough")

    @step
    def start(self):
        """Look which way to go; the names of the ways are ours to choose."""
        self.rounds = 0
        self.root = max(self.number, 1.0)
        self.sign = "negative" if self.number < 0 else "positive"
        self.next({"positive": self.refine, "negative": self.refuse}, condition="sign")

    @step
    def refine(self):
        """One round of Newton's method; comes back here until the guess is close."""
        self.root = (self.root + self.number / self.root) / 2
        self.rounds += 1
        error = abs(self.root**2 - self.number)
        print(f"round {self.rounds}: {self.root}, off by {error}")
        self.verdict = "close" if error <= self.tolerance or self.rounds >= 50 else "far"
        self.next({"far": self.refine, "close": self.end}, condition="verdict")

    @step
    def refuse(self):
        """The other way."""
        self.root = None
        print(f"{self.number} is negative: it has no real square root")
        self.next(self.end)

    @step
    def end(self):
        """Both ways lead here."""
        print(f"square root of {self.number}: {self.root} after {self.rounds} rounds")


if __name__ == "__main__":
    SwitchFlow()
