"""What runs in Lambda and Step Functions: one handler a module, and the two state machines as ASL."""
