"""Who does what and when: one file per actor, and `messages.py` for everything they say to each other."""
