"""Every query and bulk write of the registry. Takes a session, never commits."""
