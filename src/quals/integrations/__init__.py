"""Doors to other libraries; none of them is imported before its own module is."""
