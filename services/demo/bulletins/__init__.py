"""The demo's half-year of bulletins: three for each class, one of them late and chased, written and read by people."""
