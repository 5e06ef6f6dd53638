"""The stand-ins for the trainer."""

from standin import overlay, standin

__all__ = ["overlay", "standin"]
