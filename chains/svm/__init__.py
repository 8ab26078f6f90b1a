"""Solana: what its nodes say of an order."""
