"""The smallest flow: one task, one parameter.

prefect-headless run python hello_flow.py
"""

from prefect import flow, get_run_logger, task


@task
def greet(name: str) -> str:
    """Say hello."""
    return f"Hello, {name}!"


@flow(name="hello-flow")
def hello_flow(name: str = "world") -> str:
    """Say hello.

    Args:
        name: The name of the person or thing to greet.
    """
    greeting = greet(name)
    get_run_logger().info(greeting)
    return greeting


if __name__ == "__main__":
    hello_flow()
