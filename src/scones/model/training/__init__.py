"""The network and its training. Besides `train.py`, only this package imports torch."""
