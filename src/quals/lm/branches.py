"""Between a search that keeps all its branches in flat arrays, text by text, and a `Session`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from quals.lm.model import Session

Numbers = npt.NDArray[np.int64]


class Branches:
    """The nodes at which the branches of a search stand.

    Attributes:
        texts: the text of each node, in ascending order.
    """

    def __init__(self, session: Session, texts: Numbers, count: int) -> None:
        self.session, self.texts, self.count = session, texts, count

    def extend(self, follows: Numbers, tokens: Numbers) -> torch.Tensor:
        """Read a token behind each of the nodes of these numbers, in ascending order of the text; see `Session.extend`.

        The nodes that have been read are those of the next call.
        """
        starts = np.searchsorted(self.texts, np.arange(self.count))
        self.texts = self.texts[follows]
        parents = follows - starts[self.texts]
        ends = np.searchsorted(self.texts, np.arange(1, self.count))
        return self.session.extend(
            [part.tolist() for part in np.split(parents, ends)], [part.tolist() for part in np.split(tokens, ends)]
        )
