"""Rows through metrics: scored in windows, written as soon as they are there, counted, gone on with after a kill."""
