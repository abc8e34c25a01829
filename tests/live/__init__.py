"""`make verify-live`: what the live Northflank does, compared with what the emulator and the worker assume."""
