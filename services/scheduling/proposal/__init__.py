"""A proposal for whole rounds of talks, so that a family comes once: pure, without a database."""
