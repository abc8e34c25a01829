"""Environment variables and `.env` as settings."""
