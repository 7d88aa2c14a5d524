"""Episodes in simulation, one or many at once: run, counted, shown."""
