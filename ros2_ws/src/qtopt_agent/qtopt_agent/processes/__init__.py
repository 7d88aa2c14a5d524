"""How processes behave: Ctrl-C where it does no harm, freed memory, cores, folders that only one may use."""
