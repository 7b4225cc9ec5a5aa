"""The demo: the whole system on made-up data."""
