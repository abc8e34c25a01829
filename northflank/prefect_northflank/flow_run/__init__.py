"""One flow run from its claim to the report of its end."""
