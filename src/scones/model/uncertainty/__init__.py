"""When an answer is accepted: temperature, acceptance thresholds and the novelty score."""
