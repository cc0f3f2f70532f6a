"""The HTML report of a run."""

__all__: list[str] = ['comparison', 'figures', 'gallery', 'html', 'page', 'plots', 'sources']
