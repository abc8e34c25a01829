"""Makes a release from the tag on HEAD: `make release`."""
