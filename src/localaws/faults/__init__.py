"""Faults on request: one call of one operation fails as it might on AWS, so that a test can see what a program does.

`injector` decides which call fails. HTTP requests ask it in `http`, Step Functions' tasks in
`services.stepfunctions.faults`, and jobs in `services.sagemaker.containers.s3`.
"""
