"""Fine-tuning on question-answer pairs and on claims: one code for the models of QUALS, QAGS and FactCC."""
