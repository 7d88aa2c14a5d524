"""Models on disk: what a manifest says, weights that fit it, and the folder of versions that they lie in."""
