"""Where prices come from: recordings, the simulated market, GeckoTerminal.  All are read through one Feed."""
