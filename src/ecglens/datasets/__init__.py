"""One module a data set, each from a folder to its records and tables."""
