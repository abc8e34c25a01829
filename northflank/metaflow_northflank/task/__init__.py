"""What happens in the process that Metaflow starts for a task: it has a container started, follows it, and ends as it ended."""
