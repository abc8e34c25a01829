"""What people see of a run: its progress as a value, in a terminal and in Prefect's UI."""
