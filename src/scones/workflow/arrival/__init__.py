"""An arrival as the handlers see it: the event that brings it, its image in S3, and the log of its prediction."""
