"""Owns talk rounds and bookings; today its own copy of the roster they will stand on."""
