"""Labels and probabilities -> figures with their uncertainty."""
