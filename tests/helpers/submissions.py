"""Files of a submission, read back."""

from custom.submission.bundle import parse_pred_csv


def numbers_in(pred_csv):
    """image_id to number of a pred.csv, '' for -1."""
    return {i: '' if label == '-1' else label for i, label in parse_pred_csv(pred_csv.read_bytes(), pred_csv)}
