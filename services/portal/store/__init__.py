"""Every query and bulk write of the portal, by what it is about. Takes a session, never commits."""
