"""The backtest's inside: what the Portfolio, the paper venue and the exit rules do, as compiled loops."""
