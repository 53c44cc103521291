"""What an operator sees: logs with ids, metrics, traces, health that means something."""
