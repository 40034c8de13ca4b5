"""Every claim about speed, measured: each figure is a ratio to a baseline taken in the same run, in turns with it."""
