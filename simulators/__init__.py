"""The providers as local servers with faults on demand; imports nothing of the project."""
