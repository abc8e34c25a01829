"""What a run reads from and writes to Metaflow's datastore and metadata, and Prefect's blocks."""
