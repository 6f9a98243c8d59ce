"""Input shards and output tables of `scones classify`."""
