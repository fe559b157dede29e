"""Forms on paper: defined in FORM.toml, printed, and read into a table."""
