"""What people see of a run: its progress as a value, in a terminal and on Prefect's page."""
