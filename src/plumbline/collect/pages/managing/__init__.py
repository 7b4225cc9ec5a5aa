"""What manager's pages show, put together from the dashboard and the store: one module a page, each for a thread."""
