"""The operator's commands: each module is one command's work, and calls AWS through boto3 clients."""
