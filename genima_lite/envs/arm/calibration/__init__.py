"""Where cameras are and what they see: the file `calibration.json`, and how it is made."""
