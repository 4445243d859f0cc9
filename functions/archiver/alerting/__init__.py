"""Which troubles of a source people are told of, when, and in which words."""
