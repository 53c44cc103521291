"""Owns lesson results and the same-day notices that follow from them."""
