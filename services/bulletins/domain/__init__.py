"""The rules of bulletins and conversations: pure functions and frozen models, no I/O."""
