"""ECGLens: train, compare, explain, promote and serve classifiers of the 12-lead ECG."""

__version__ = "0.1.0"
