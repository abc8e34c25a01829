"""What flows of the test-bed import."""
