"""Things that fall due: one table per service, claimed in batches, on the injected clock."""
