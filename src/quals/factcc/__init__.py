"""FactCC (Kryscinski et al. 2020): claims made true or false by small edits, for training its classifier."""
