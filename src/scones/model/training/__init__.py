"""The network and how it is fitted; with `train.py`, the only home of torch."""
