"""How good a model is: metrics, reliability, corruptions and activation maps."""
