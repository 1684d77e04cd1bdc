"""Commands of ``ecglens`` that are too long for the command line's own module."""
