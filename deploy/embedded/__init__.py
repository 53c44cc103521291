"""One machine: PostgreSQL and a broker as child processes of whoever asked for them."""
