"""Contrast sets: from documents, references and sampled summaries to good and bad examples for training.

rows.py       rows -> documents with reference and samples
sample.py     documents + a summarizer -> samples
score.py      a score for every sample and reference, through the cache; the mean ROUGE
candidates.py which texts of a document may be good and which bad ones
select.py     scores -> which references are positive, which samples negative
confirm.py    which of these pairs a second metric orders the same way
sets.py       the stages in a row; `make_sets`
write.py      the sets as files, also for preference training
"""
