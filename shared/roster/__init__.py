"""Each service's own copy of the roster, and the one place that decides who may know."""
