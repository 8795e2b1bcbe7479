"""The two kinds of transformer layer: linear attention for many tokens, softmax for few."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Random features for each channel of a performer's keys.
_FEATURES_PER_CHANNEL = 0.5
#: Keeps the normalisation of linear attention from dividing by zero (published).
_EPSILON = 1e-8
_MLP_RATIO = 2


class TokenPerformer(nn.Module):
    """Single-headed linear attention that changes the width of its tokens.

    Queries and keys are mapped to positive random features whose inner products stand for the
    softmax's exponentials; cost grows with the number of tokens, not with its square. Features are
    drawn once. There is no position code: the layer does not see the order of the tokens. The
    residual is the values, because the input has another width.

    Source: Yuan et al., Tokens-to-token ViT, ICCV 2021; Choromanski et al., Rethinking attention
    with performers, ICLR 2021. As PTNet3D uses it, rows of the projection have norm sqrt(m) and
    queries and keys are not scaled, so it does not approximate softmax attention.

    Args:
        inputs: Channels of a token.
        outputs: Channels of a token afterwards, at least 2.
        stable: Shift the exponents before they are taken, which cancels in the quotient: large
            queries and keys then cannot underflow, which would leave the values alone.
    """

    projection: Tensor

    def __init__(self, inputs: int, outputs: int, stable: bool = True) -> None:
        super().__init__()
        self.stable = stable
        self.norm = nn.LayerNorm(inputs)
        self.project = nn.Linear(inputs, 3 * outputs)
        self.mix = nn.Linear(outputs, outputs)
        self.mlp = nn.Sequential(
            nn.LayerNorm(outputs),
            nn.Linear(outputs, outputs),
            nn.GELU(),
            nn.Linear(outputs, outputs),
        )
        features = int(outputs * _FEATURES_PER_CHANNEL)
        rows = nn.init.orthogonal_(torch.empty(features, outputs))
        self.register_buffer("projection", rows * math.sqrt(features))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, inputs) to (B, N, outputs)."""
        keys, queries, values = self.project(self.norm(tokens)).chunk(3, dim=-1)
        # Sums over all tokens of exponentials: half precision overflows or divides by zero.
        with torch.autocast(tokens.device.type, enabled=False):
            attended = self.attend(keys.float(), queries.float(), values.float())
        mixed: Tensor = values + self.mix(attended)
        transformed: Tensor = mixed + self.mlp(mixed)
        return transformed

    def attend(self, keys: Tensor, queries: Tensor, values: Tensor) -> Tensor:
        """Average the values over all tokens, each weighted by feature products."""
        key_exponents, query_exponents = self._exponents(keys), self._exponents(queries)
        if self.stable:
            key_exponents = key_exponents - key_exponents.detach().amax(dim=(1, 2), keepdim=True)
            query_exponents = query_exponents - query_exponents.detach().amax(dim=2, keepdim=True)
        scale = 1 / math.sqrt(len(self.projection))
        key_features, query_features = scale * key_exponents.exp(), scale * query_exponents.exp()
        summary = key_features.transpose(1, 2) @ values
        weight = query_features @ key_features.sum(1).unsqueeze(-1)
        return (query_features @ summary) / (weight + _EPSILON)

    def _exponents(self, tokens: Tensor) -> Tensor:
        return tokens @ self.projection.T - tokens.square().sum(-1, keepdim=True) / 2


class TransformerBlock(nn.Module):
    """Pre-norm softmax attention and an MLP of twice the width.

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021; here queries, keys and
    values have no bias, and there is no dropout.

    Args:
        width: Channels of a token.
        heads: Attention heads; divides ``width``.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, _MLP_RATIO * width),
            nn.GELU(),
            nn.Linear(_MLP_RATIO * width, width),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, width) to the same shape."""
        projected = self.project(self.attention_norm(tokens)).chunk(3, dim=-1)
        queries, keys, values = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in projected
        )
        attended = F.scaled_dot_product_attention(queries, keys, values)
        mixed: Tensor = tokens + self.mix(attended.transpose(1, 2).flatten(2))
        transformed: Tensor = mixed + self.mlp(mixed)
        return transformed
