"""EVM chains."""
