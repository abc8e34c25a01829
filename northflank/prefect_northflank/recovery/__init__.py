"""Flow runs whose worker died, and jobs that were left behind."""
