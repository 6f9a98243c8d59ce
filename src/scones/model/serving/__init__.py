"""The endpoint's HTTP server: a supervisor and its worker processes.

Why not uvicorn: at 16 connections on two cores this server answers 1,709 images a second, FastAPI with uvicorn, the
best of four peers, 1,241 (1.34 times as many, median of three rounds), and 0.86 of what the processor gives without
HTTP. Measured by `benchmarks/serve.py`; the results are in `benchmarks/results/serve.json`.
"""
