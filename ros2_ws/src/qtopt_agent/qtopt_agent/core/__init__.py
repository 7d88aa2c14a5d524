"""Plain values and protocols shared by every layer; imports numpy only."""
