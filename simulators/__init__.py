"""Each provider as a local HTTP server with faults on demand. Only the standard library; nothing else of the project.

The manners are those of the providers' public documentation, its contradictions included. No simulator was compared
with a live account, so a client that passes here is checked against the documentation and no further.
"""
