"""QAGS: questions about a summary, answered from the summary and from its document."""
