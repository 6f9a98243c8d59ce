"""From the bytes of an image to probabilities, with ONNX Runtime and without torch."""
