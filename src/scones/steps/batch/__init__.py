"""The input shards and the output tables of `scones classify`."""
