"""Labels and probabilities -> scorecards, confidence intervals and a ledger in bits."""
