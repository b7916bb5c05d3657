# the file alone counts
