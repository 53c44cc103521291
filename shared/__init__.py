"""The contract between the services (events, topics) and the kit they are built from."""
