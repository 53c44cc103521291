"""What every page has in common: the frame, the stylesheet, the headers that keep strangers out."""
