"""The HTML report of a run."""

__all__: list[str] = ['figures', 'gallery', 'html', 'page', 'plots', 'sources']
