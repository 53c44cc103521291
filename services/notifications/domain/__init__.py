"""The rules of the urgent lane: pure functions and frozen models, no I/O."""
