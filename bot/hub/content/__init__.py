"""Content: what the bot says, written by marketers, chosen for the moment."""

from bot.hub.content.library import ContentSet
from bot.hub.content.moment import Moment, Resolution
from bot.hub.content.render import Variables

__all__ = ["ContentSet", "Moment", "Resolution", "Variables"]
