"""A stranger's arm: robosuite's Panda and UR5e over a bin, behind what drivers publish. Nothing may learn from it."""
