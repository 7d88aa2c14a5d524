"""From what a camera delivers to what a model sees, and to whether a grasp has succeeded."""
