"""FactCC (Kryscinski et al. 2020): a classifier of claims, its training, and its data: made claims and judged ones."""
