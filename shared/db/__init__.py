"""PostgreSQL: engine, bulk writes, migrations."""
