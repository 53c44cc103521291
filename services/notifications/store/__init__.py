"""Every query and bulk write of this service, a file for each part of the work. Nothing here commits."""
