"""AWS services, each a module or a package, as extensions of ministack."""
