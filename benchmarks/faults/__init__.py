"""What the product does when one call to AWS fails: `make bench-faults`."""
