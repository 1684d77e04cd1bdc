"""How good a model is: thresholds from the validation split, figures of merit from the test."""
