"""A container's output in its flow run's log."""
