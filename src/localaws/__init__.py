"""AWS on a laptop: ministack in a process of its own, with Lambda functions, training jobs and endpoints that run."""
