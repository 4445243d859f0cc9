"""Events sent again by hand."""
