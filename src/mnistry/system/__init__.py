"""Files, downloads, signals, cores and memory: what every other package may use."""
