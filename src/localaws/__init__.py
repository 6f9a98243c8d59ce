"""The laptop's AWS: ministack in a process of its own, where Lambdas, training jobs and endpoints really run."""
