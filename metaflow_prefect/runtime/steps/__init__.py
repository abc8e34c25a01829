"""How one Metaflow command is executed: its words, its process, its output."""
