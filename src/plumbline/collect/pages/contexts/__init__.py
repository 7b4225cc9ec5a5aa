"""What each template is handed: one documented dataclass a page, and nothing besides."""
