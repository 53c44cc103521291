"""The demo's round of development talks: two classes, from the homes' wishes to signed plans, as people would do it."""
