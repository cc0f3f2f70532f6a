"""Files of a submission: pred.json, pred.csv and the zip, and their validation."""

__all__: list[str] = ['bundle', 'pred_json', 'validator']
