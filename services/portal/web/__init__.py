"""What people see of the portal."""
