"""The tests are the specification; their names are its sentences."""
