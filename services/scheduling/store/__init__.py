"""Every query and bulk write of the scheduling service, a file for each part of the work. None commits."""
