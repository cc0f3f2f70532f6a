"""Reading as a service: HTTP with a page, and a watched folder."""

__all__: list[str] = ['app', 'documentation', 'reading_queue', 'server']
