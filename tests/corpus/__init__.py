"""The channel corpus: recorded provider traffic, played against our channels.

`python -m tests.corpus PATH...` runs the cases of files or folders; see `tests.corpus.__main__`.
"""
