"""The server process: its port, its gateway, its environment and its child processes."""
