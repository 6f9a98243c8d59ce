"""The endpoint's HTTP server: a supervisor and its worker processes."""
