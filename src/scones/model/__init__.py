"""The programs of the SageMaker container: `train`, `evaluate` and `serve`. None uses boto3, and only `train` torch."""
