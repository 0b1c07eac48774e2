"""Thin commands: options in, a library call, text out."""
