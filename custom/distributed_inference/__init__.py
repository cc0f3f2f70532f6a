"""Reading of more photos than one process should hold, on Ray Data."""

__all__: list[str] = ['command', 'pipeline', 'results', 'run_folder', 'shards', 'sources']
