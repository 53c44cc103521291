"""An open set of talk timetabling instances: a seeded generator and a few instances as JSON (see README.md)."""
