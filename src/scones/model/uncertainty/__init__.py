"""Which predictions can be accepted: temperature scaling, certified thresholds and the novelty score."""
