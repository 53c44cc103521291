"""Owns what the registries say: schools, groups, persons, who answers for whom, and attendance as reported."""
