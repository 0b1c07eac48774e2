"""Systems compared on the same documents.

paired.py      tests on paired values
comparison.py  systems and metrics -> means, intervals, tests; `compare`
table.py       the comparison for terminal, Markdown, LaTeX, JSON
differences.py where summaries of one document say different things
page.py        the comparison and the summaries side by side as a page
"""
