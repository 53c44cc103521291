"""The road of an event: read in batches, remember what was seen, say what follows, publish it in order."""
