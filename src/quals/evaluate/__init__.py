"""How far metrics agree with people: labelled files, cached scores, statistics with intervals, tables."""
