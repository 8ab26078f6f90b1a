"""The paper venue: it plays a chain, on recorded, simulated or live prices."""
