"""The fields of request bodies as data, and how bodies are checked against them."""
