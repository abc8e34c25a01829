"""What a deployment will be, as values; pure."""
