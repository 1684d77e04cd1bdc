"""File formats, one a module: from a path to a :class:`ecglens.record.Record`."""
