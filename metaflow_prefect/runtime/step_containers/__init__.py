"""The tasks of a step in containers of their own: slices of a foreach, and the flow run that executes each."""
