"""Everything that ships to Lambda: handlers, the archiver service and the providers."""
