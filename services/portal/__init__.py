"""Owns the pages people see and the ledger of duties behind them."""
