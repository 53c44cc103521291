"""What people do here: rounds, wishes, bookings, talks, meetings and offers."""
