"""The project's part of an AWS account: stacks, packages, the container image, and the inventory of all resources."""
