"""Fine-tuning on question-answer data: the models of QUALS and QAGS are made by the same code."""
