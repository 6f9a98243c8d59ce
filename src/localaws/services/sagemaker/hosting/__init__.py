"""Models, endpoint configs and endpoints."""
