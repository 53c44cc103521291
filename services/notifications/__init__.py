"""Owns who gets which message, through which channel, when; attempts and receipts."""
