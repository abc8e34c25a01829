"""What flows do: each flow of tests/flows under Metaflow's own `run` and through Prefect, compared."""
