"""An emulator of the Northflank jobs API."""
