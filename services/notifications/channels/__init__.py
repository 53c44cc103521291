"""The ways a message can go: one small protocol, e-mail, and a simulated channel for rehearsals."""
