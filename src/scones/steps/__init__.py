"""What the operator runs: each module is one step of the product, and speaks to AWS through boto3 clients."""
