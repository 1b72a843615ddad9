"""qtheory: a laboratory for the theory of quantized neural-network training."""
