"""What the emulator keeps, as values and in SQLite."""
