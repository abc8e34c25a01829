"""What tests of several folders need: ports, processes, waiting, a Prefect database with its tables."""
