"""How to reach a chain, and its arithmetic."""
