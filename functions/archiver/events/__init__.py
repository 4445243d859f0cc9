"""Events: what other programs are told of the archive, out of the changes of the ledger's items."""
