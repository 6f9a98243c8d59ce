"""Access to S3: listings, JSON objects, and many small transfers at once."""
