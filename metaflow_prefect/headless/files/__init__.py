"""Where a stack keeps its files, and what they hold."""
