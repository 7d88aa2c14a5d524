"""How fast the parts are: deciding, simulating, a graph of nodes."""
