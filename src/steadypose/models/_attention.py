"""Self-attention as two networks use it: over the frames of a channel, over the channels of a body."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from steadypose.errors import DataError
from steadypose.models._dropout import Dropout


def check_heads(width: int, heads: int) -> None:
    """Heads share the width evenly."""
    if width % heads:
        raise DataError(f"expected width as a multiple of {heads} heads, found {width}")


class AttentionBlock(nn.Module):
    """Attention among tokens, then two layers for each of them; sums around both, norms in front of both.

    Norms in front (and not behind, as in the first Transformer) need no warm-up of the learning rate.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.take = nn.Linear(width, 3 * width)  # queries, keys, values
        self.give = nn.Linear(width, width)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = Dropout(1 - dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, width) to the same."""
        b, t, w = x.shape
        taken = self.take(self.norm1(x)).view(b, t, 3, self.heads, w // self.heads)
        q, k, v = taken.permute(2, 0, 3, 1, 4).unbind(0)  # (batch, heads, tokens, width / heads) each
        y: Tensor = scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, w)
        x = x + self.dropout(self.give(y))
        y = self.linear2(self.dropout(gelu(self.linear1(self.norm2(x)))))
        return x + self.dropout(y)  # type: ignore[no-any-return]
