"""Recognise handwritten digits: train one model per setting side by side, keep the best.

Shows typed parameters, a foreach, @retry, @timeout and @resources on its training step, a join that
picks one branch and merges what all share, and a card. Needs scikit-learn and matplotlib.

    python digits_flow.py run
    python digits_flow.py prefect run --test_size 0.3
    python digits_flow.py prefect run --grid '[{"C": 1, "gamma": 0.001}, {"C": 10, "gamma": 0.0005}]'
    python digits_flow.py prefect deploy --work-pool nf
"""

from metaflow import (
    FlowSpec,
    JSONType,
    Parameter,
    card,
    current,
    resources,
    retry,
    step,
    timeout,
)
from metaflow.cards import Image, Markdown, Table

SETTINGS = [
    {"C": 1.0, "gamma": 0.0001},
    {"C": 1.0, "gamma": 0.001},
    {"C": 10.0, "gamma": 0.001},
    {"C": 10.0, "gamma": 0.01},
]


class DigitsFlow(FlowSpec):
    """Train a support vector machine per setting on scikit-learn's digits; keep the best one."""

    test_size = Parameter(
        "test_size", type=float, default=0.25, help="share of the images kept back for testing"
    )
    seed = Parameter("seed", type=int, default=7, help="decides which images are kept back")
    grid = Parameter(
        "grid", type=JSONType, default=SETTINGS, help="list of settings of sklearn.svm.SVC to try"
    )

    @step
    def start(self):
        """Load the 1797 images, keep some back for testing, and list what to try."""
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        images, labels = load_digits(return_X_y=True)
        self.x_train, self.x_test, self.y_train, self.y_test = train_test_split(
            images, labels, test_size=self.test_size, random_state=self.seed, stratify=labels
        )
        self.candidates = list(self.grid)
        print(f"{len(self.x_train)} images to learn from, {len(self.x_test)} to test with")
        self.next(self.train, foreach="candidates")

    @retry(times=2, minutes_between_retries=0)
    @timeout(minutes=5)
    @resources(cpu=1, memory=1024)
    @step
    def train(self):
        """Train one model; runs once per setting, all at the same time."""
        from sklearn.svm import SVC

        self.params = self.input
        self.model = SVC(**self.params).fit(self.x_train, self.y_train)
        self.score = float(self.model.score(self.x_test, self.y_test))
        print(f"{self.params} scores {self.score:.4f}")
        self.next(self.choose)

    @step
    def choose(self, inputs):
        """Keep the best model, and of the others only how they did."""
        best = max(inputs, key=lambda candidate: candidate.score)
        self.model = best.model
        self.best_score = best.score
        self.best_params = best.params
        self.scores = [(candidate.params, candidate.score) for candidate in inputs]
        # Everything that was the same in all branches (the images) goes on; `model` is decided above.
        self.merge_artifacts(inputs, exclude=["params", "score"])
        self.next(self.evaluate)

    @card(type="blank")
    @step
    def evaluate(self):
        """Draw which digits the best model takes for which."""
        from sklearn.metrics import confusion_matrix

        self.confusion = confusion_matrix(self.y_test, self.model.predict(self.x_test))
        current.card.append(Markdown(f"# Digits: {self.best_score:.2%} right"))
        current.card.append(
            Table(
                [[str(params), f"{score:.4f}"] for params, score in self.scores],
                headers=["setting", "score"],
            )
        )
        current.card.append(Image.from_matplotlib(draw(self.confusion), label="confusion matrix"))
        self.next(self.end)

    @step
    def end(self):
        """Say who won."""
        print(f"best score {self.best_score:.4f} with {self.best_params}")


def draw(confusion):
    """Return a figure of the confusion matrix; needs no display."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="tight")
    axes = figure.subplots()
    axes.imshow(confusion, cmap="Blues")
    axes.set(xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10))
    for (digit, taken_for), count in {
        (row, column): int(confusion[row, column]) for row in range(10) for column in range(10)
    }.items():
        if count:
            axes.text(taken_for, digit, count, ha="center", va="center", color="darkorange")
    return figure


if __name__ == "__main__":
    DigitsFlow()
