"""Benchmarks. Each ends with one JSON line that holds a ratio against a floor measured in the same run."""
