"""What the project has in an AWS account: stacks, packages, the container image, and their inventory."""
