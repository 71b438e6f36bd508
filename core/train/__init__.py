"""Batches, the training loop and prediction; the only room of core that knows torch."""
