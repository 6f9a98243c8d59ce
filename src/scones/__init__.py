"""Scones: tells a delivery rider's bicycle from a motorcycle, on AWS and on a laptop; start reading at `demo.py`."""

__version__ = "0.2.0"
