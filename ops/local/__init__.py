"""The whole archive on a laptop: the synthesised template, the real handlers, an embedded AWS and a folder."""
