"""The fields of the API's bodies as data, and how a body is checked against them."""
