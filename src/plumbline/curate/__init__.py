"""Curating: checks that only look, and splits that keep a prompt on one side."""

from plumbline.curate.check import CHECK_RULES, CheckRule, check_tables
from plumbline.curate.split import assign_splits

__all__ = ["CHECK_RULES", "CheckRule", "assign_splits", "check_tables"]
