"""What Prefect adds to a flow, measured beside Metaflow's own `run`."""
