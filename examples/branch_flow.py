"""Do three things with one text at the same time, then bring the results together.

Shows a static split and its join: the branches run side by side, and the join reads each by its name.

    python branch_flow.py run
    python branch_flow.py prefect run --text "to be or not to be"
"""

from metaflow import FlowSpec, Parameter, step


class BranchFlow(FlowSpec):
    """Count the words, the letters and the repetitions of a text, side by side."""

    text = Parameter("text", default="a rose is a rose is a rose", help="the text to look at")

    @step
    def start(self):
        """Cut the text into words; all three branches begin with them."""
        self.words = self.text.lower().split()
        self.next(self.count_words, self.count_letters, self.find_favourite)

    @step
    def count_words(self):
        """First branch."""
        self.word_count = len(self.words)
        self.next(self.join)

    @step
    def count_letters(self):
        """Second branch."""
        self.letter_count = sum(len(word) for word in self.words)
        self.next(self.join)

    @step
    def find_favourite(self):
        """Third branch: the word used most often, the first of them if there are several."""
        self.favourite = max(self.words, key=self.words.count)
        self.next(self.join)

    @step
    def join(self, inputs):
        """Read each branch by the name of its last step."""
        self.summary = {
            "words": inputs.count_words.word_count,
            "letters": inputs.count_letters.letter_count,
            "favourite": inputs.find_favourite.favourite,
        }
        self.merge_artifacts(inputs, include=["words"])
        self.next(self.end)

    @step
    def end(self):
        """Say what was found."""
        print(f"{self.summary} in {self.words}")


if __name__ == "__main__":
    BranchFlow()
