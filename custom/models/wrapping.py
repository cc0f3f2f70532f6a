"""The detector in the wrapper that runs of several processes put around it."""

from typing import Any

from mmengine.model import is_model_wrapper


def unwrapped(model: Any) -> Any:
    """Return the model whose attributes are those of the config: the one in a wrapper, or `model` itself."""
    return model.module if is_model_wrapper(model) else model
