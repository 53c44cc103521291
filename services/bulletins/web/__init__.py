"""Pages of the bulletins service."""
