"""Containers as processes: their folders, their logs and their S3 objects."""
