"""Language models: where they come from, log-probabilities, search."""
