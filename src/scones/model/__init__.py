"""What runs in the SageMaker container: `train`, `evaluate` and `serve`; never boto3, and torch in `train` alone."""
