"""AWS services as extensions of ministack, each a module or a package."""
