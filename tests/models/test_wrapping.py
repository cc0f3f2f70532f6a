"""The detector in the wrapper of several processes."""

from torch import nn

from custom.models.wrapping import unwrapped


def test_a_wrapped_model_and_a_plain_one_are_the_same():
    model = nn.Linear(1, 1)
    assert unwrapped(nn.DataParallel(model)) is model
    assert unwrapped(model) is model
