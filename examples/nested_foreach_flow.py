"""Find the warmest town: a task per country, and within it a task per town.

Shows a foreach within a foreach: the inner join runs once per item of the outer one.

    python nested_foreach_flow.py run
    python nested_foreach_flow.py prefect run --max-workers 4
"""

from metaflow import FlowSpec, JSONType, Parameter, step

# Mean temperature in July, degrees Celsius.
CLIMATE = {
    "Norway": {"Oslo": 17.7, "Bergen": 15.0},
    "Spain": {"Madrid": 25.6, "Sevilla": 28.2, "Bilbao": 20.3},
}


class NestedForeachFlow(FlowSpec):
    """Find the warmest town of each country, and of all of them."""

    climate = Parameter(
        "climate", type=JSONType, default=CLIMATE, help="country to town to temperature in Celsius"
    )

    @step
    def start(self):
        """One task per country."""
        self.countries = sorted(self.climate)
        self.next(self.visit_country, foreach="countries")

    @step
    def visit_country(self):
        """One task per town of this country."""
        self.country = self.input
        self.towns = sorted(self.climate[self.country])
        self.next(self.measure, foreach="towns")

    @step
    def measure(self):
        """The innermost task: one town of one country."""
        self.town = self.input
        self.temperature = self.climate[self.country][self.town]
        print(f"{self.town} in {self.country}: {self.temperature} degrees")
        self.next(self.join_towns)

    @step
    def join_towns(self, inputs):
        """Once per country: its warmest town."""
        warmest = max(inputs, key=lambda task: task.temperature)
        self.merge_artifacts([warmest], include=["country", "town", "temperature"])
        self.next(self.join_countries)

    @step
    def join_countries(self, inputs):
        """Once: what each country found, and the warmest of all."""
        self.warmest_by_country = {task.country: task.town for task in inputs}
        self.warmest = max(inputs, key=lambda task: task.temperature).town
        self.next(self.end)

    @step
    def end(self):
        """Say which."""
        print(f"warmest of all: {self.warmest}; by country: {self.warmest_by_country}")


if __name__ == "__main__":
    NestedForeachFlow()
