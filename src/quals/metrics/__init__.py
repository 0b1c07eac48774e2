"""One module per metric, behind the interface of `metrics.base`."""
