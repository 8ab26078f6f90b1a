"""What run.py's commands do: each says in a sentence how it went, and gives an exit code."""
