"""Texts as numbers: hashed n-grams of replies, in blocks of sparse rows."""
