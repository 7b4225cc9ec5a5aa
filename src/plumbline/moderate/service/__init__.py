"""The moderation service over HTTP."""
