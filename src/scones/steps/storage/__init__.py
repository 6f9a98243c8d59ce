"""S3 objects, in bulk."""
