"""Read access to a run: executions and their histories, results of a release, and images for the report."""
