"""The operator's command line: `recordings`, the same as `python -m ops`."""
