"""One text to very many: spread over the homes of its classes, claimed in batches, sent over kept connections."""
