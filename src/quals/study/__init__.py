"""The human study: blind pairs of summaries, judged by people, told with their uncertainty."""
