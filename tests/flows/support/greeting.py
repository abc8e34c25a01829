"""A module beside the flows."""


def hello(name):
    return f"hello {name}"
