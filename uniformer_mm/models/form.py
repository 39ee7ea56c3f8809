"""The two forms of a backbone: plain, and deployed (see ``deployed``).

Plain models know of the other form as much as it takes to refuse its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

__all__ = ['MARK', 'TwoForms']

MARK = 'is_deployed'  # a buffer, so that saved weights tell their form


class TwoForms(nn.Module):
    """A module that ``deploy`` can turn into a form for inference alone.

    The forms have different weights under the same names, so weights of one
    are never loaded into the other, strictly or not.

    Attributes:
        casts (bool): Whether inputs of another dtype than the weights' are
            taken, and maps given in theirs; ``deploy(dtype=...)`` sets it.
    """

    casts = False

    @property
    def deployed(self) -> bool:
        """Whether this is the deployed form."""
        return MARK in self._buffers

    def train(self, mode: bool = True) -> TwoForms:
        """Set the mode.

        Raises:
            RuntimeError: The deployed form is asked to train.
        """
        if mode and self.deployed:
            raise RuntimeError(
                f"this {type(self).__name__} is deployed and can't be "
                'trained; train the plain model and deploy it afterwards'
            )
        return super().train(mode)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any
    ) -> None:
        own = any(key.startswith(prefix) for key in state_dict)
        if own and (prefix + MARK in state_dict) != self.deployed:
            name = type(self).__name__
            raise ValueError(
                f'these weights are of a plain {name}, this one is deployed; '
                'load them first, then call deploy()'
                if self.deployed
                else f'these weights are of a deployed {name}, this one is '
                'plain; call deploy() first, then load them'
            )
        super()._load_from_state_dict(state_dict, prefix, *args)
