"""A flow for every night: @schedule says when, @project keeps the branches of a team apart.

A scheduled flow starts by itself, so every parameter needs a default. The deployment is called
`shop.user.<you>.NightlyProjectFlow`, or `shop.prod.NightlyProjectFlow` with --production; only the
name differs, so that both can run side by side.

    python nightly_project_flow.py run
    python nightly_project_flow.py prefect run --orders 500 --dry_run true
    python nightly_project_flow.py --production prefect deploy --work-pool nf
"""

import random

from metaflow import FlowSpec, JSONType, Parameter, current, project, schedule, step


@project(name="shop")
@schedule(cron="30 2 * * *", timezone="Europe/Berlin")
class NightlyProjectFlow(FlowSpec):
    """Add up the day's orders per shop, every night at half past two, Berlin time."""

    orders = Parameter("orders", type=int, default=100, help="how many orders to make up")
    tax_rate = Parameter("tax_rate", type=float, default=0.19, help="share of each price")
    currency = Parameter("currency", type=str, default="EUR", help="what the prices are in")
    dry_run = Parameter("dry_run", type=bool, default=False, help="only say what would be stored")
    shops = Parameter("shops", type=JSONType, default=["Mitte", "Wedding"], help="names of shops")

    @step
    def start(self):
        """Make up the orders: always the same ones, so that runs can be compared."""
        dice = random.Random(self.orders)  # noqa: S311 - made-up sales, not secrets
        self.sales = [(dice.choice(self.shops), dice.randint(1, 100)) for _ in range(self.orders)]
        print(f"project {current.project_name}, branch {current.branch_name}")
        self.next(self.add_up, foreach="shops")

    @step
    def add_up(self):
        """One task per shop."""
        self.shop = self.input
        self.net = sum(price for shop, price in self.sales if shop == self.shop)
        self.next(self.join)

    @step
    def join(self, inputs):
        """What each shop took, tax included."""
        self.totals = {task.shop: round(task.net * (1 + self.tax_rate), 2) for task in inputs}
        self.next(self.end)

    @step
    def end(self):
        """Keep the result, unless this is only a rehearsal."""
        self.stored = not self.dry_run
        print(f"{'stored' if self.stored else 'would store'}: {self.totals} {self.currency}")


if __name__ == "__main__":
    NightlyProjectFlow()
