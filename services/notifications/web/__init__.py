"""Pages of the notifications service: how it is doing, trials, own words, letters to print; and providers' reports."""
