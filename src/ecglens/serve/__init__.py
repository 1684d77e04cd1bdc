"""What answers requests: the model that MLflow serves."""
