"""From an image file to probabilities: ONNX Runtime, without torch."""
