"""The service in its own words: what a recording is, how it is found, fetched, verified and remembered."""
