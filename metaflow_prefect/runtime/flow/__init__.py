"""The flow as plain values: its graph, and which tasks may run next."""
