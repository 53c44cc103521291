"""The published language: every event one service may say to another, one file per owner."""
