"""Errors, messages, files and argument checks, used by every package."""

__all__: list[str] = [
    'console',
    'cores',
    'errors',
    'estimates',
    'files',
    'messages',
    'processes',
    'tables',
    'tar_files',
    'validation',
]
