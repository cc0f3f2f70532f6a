"""Errors, messages, files and argument checks, used by every package."""

__all__: list[str] = ['cores', 'errors', 'estimates', 'files', 'messages', 'processes', 'validation']
