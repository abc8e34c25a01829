"""The state of the emulator, as values and in SQLite."""
