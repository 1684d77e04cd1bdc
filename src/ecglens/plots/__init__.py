"""Pictures: the tracing on ECG paper, the heat of an explanation behind it, curves."""
