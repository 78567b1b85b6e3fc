"""A pytest plugin (`-p tests.contract.more_channels`): channels of another folder, before ours."""

from __future__ import annotations

import os

import channels

channels.__path__.insert(0, os.environ["SAMTAL_MORE_CHANNELS"])
