"""The transformer: an encoder that all blocks share, and each block's way into and out of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import UsageError
from synthbench_plugins.resvit.layers import ChannelCompression, Norm, double, halve

#: Width of a layer's perceptron over that of its tokens.
_MLP_RATIO = 4

_EPSILON = 1e-6


class TransformerEncoder(nn.Module):
    """Encoder of a vision transformer: pre-norm layers and a final norm.

    Args:
        hidden: Width of the tokens.
        layers: Number of layers.
        heads: Attention heads; their width is ``hidden`` divided by their number.
        dropout: Probability within the perceptrons; there is none in the attention.

    Raises:
        UsageError: If the heads do not divide the width, or there is no layer.
    """

    def __init__(self, hidden: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        if layers < 1 or heads < 1 or hidden % heads:
            raise UsageError(
                f"resvit2d: {layers} transformer layer(s) of width {hidden} with {heads} head(s)",
                "choose at least 1 layer, and a width that the number of heads divides",
            )
        self.layers = nn.ModuleList(TransformerLayer(hidden, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden, eps=_EPSILON)

    def forward(self, tokens: Tensor) -> Tensor:
        """Shape (N, tokens, hidden), kept."""
        for layer in self.layers:
            tokens = layer(tokens)
        out: Tensor = self.norm(tokens)
        return out


class TransformerLayer(nn.Module):
    """Self-attention, then a perceptron with GELU, each behind a norm and beside a residual."""

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(hidden, eps=_EPSILON)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, hidden)
        self.mlp_norm = nn.LayerNorm(hidden, eps=_EPSILON)
        self.widen = nn.Linear(hidden, _MLP_RATIO * hidden)
        self.narrow = nn.Linear(_MLP_RATIO * hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        for linear in (self.widen, self.narrow):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.normal_(linear.bias, std=1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        """Shape (N, tokens, hidden), kept."""
        tokens = tokens + self._attend(self.attention_norm(tokens))
        wide = self.dropout(F.gelu(self.widen(self.mlp_norm(tokens))))
        out: Tensor = tokens + self.dropout(self.narrow(wide))
        return out

    def _attend(self, tokens: Tensor) -> Tensor:
        query, key, value = (
            linear(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(seen.transpose(1, 2).flatten(-2))
        return out


class TransformerBranch(nn.Module):
    """What a residual block gets in front of it when it is to see the whole slice.

    Down-sampling, patch embedding with learned positions, the shared encoder (handed in, not
    owned), up-sampling, and channel compression of the result beside what came in.

    Args:
        channels: Channels of the feature map.
        hidden: Width of the tokens.
        steps: Halvings on the way to the tokens.
        grid: Tokens a side that the table of positions is for.
        dropout: Probability on the embedded tokens.
        norm: Norm of the convolutions.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        steps: int,
        grid: tuple[int, int],
        dropout: float,
        norm: Norm,
    ) -> None:
        super().__init__()
        widths = [channels * 2**step for step in range(steps + 1)]
        self.down = nn.Sequential(
            *(halve(widths[step], widths[step + 1], norm) for step in range(steps))
        )
        self.embedding = nn.Conv2d(widths[-1], hidden, 1)
        self.positions = nn.Parameter(torch.zeros(1, hidden, *grid))
        self.dropout = nn.Dropout(dropout)
        back = [hidden, *reversed(widths[:-1])]
        self.up = nn.Sequential(
            *(double(back[step], back[step + 1], norm) for step in range(steps))
        )
        self.compression = ChannelCompression(2 * channels, channels, norm)

    def forward(self, x: Tensor, encoder: TransformerEncoder) -> Tensor:
        """Let every place see all others.

        Args:
            x: Shape (N, channels, height, width).
            encoder: The shared encoder.

        Returns:
            The same shape.
        """
        embedded = self.embedding(self.down(x))
        grid = embedded.shape[2:]
        tokens = (embedded + resized(self.positions, grid)).flatten(2).transpose(1, 2)
        seen = encoder(self.dropout(tokens)).transpose(1, 2).unflatten(-1, grid)
        out: Tensor = self.compression(torch.cat([self.up(seen), x], dim=1))
        return out


def resized(positions: Tensor, grid: tuple[int, ...] | torch.Size) -> Tensor:
    """Interpolate a table of positions (1, hidden, height, width) to another grid of tokens."""
    if positions.shape[2:] == tuple(grid):
        return positions
    return F.interpolate(positions, size=tuple(grid), mode="bilinear", align_corners=True)
