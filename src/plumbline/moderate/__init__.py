"""Policies, and the moderation and scoring service that decides by them."""
