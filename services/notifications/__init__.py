"""Owns who gets which message, by which channel, when; attempts and receipts. Says DutyMoved and DeliverySettled."""
