"""What our models can do of themselves with the Hugging Face hub."""

from __future__ import annotations

import os
from typing import Any

__all__ = ['HubModel']


class HubModel:
    """A model that is saved for the hub, or put there, by a call of its own.

    A base of models of plain torch: the hub is looked for in a call alone.
    """

    def save_pretrained(
        self, folder: str | os.PathLike[str], **options: Any
    ) -> None:
        """Write the model as the Hugging Face hub has models.

        See ``uniformer_mm.save_pretrained`` for options and errors.
        """
        from uniformer_mm.hub import save_pretrained

        save_pretrained(self, folder, **options)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Put the model on the Hugging Face hub.

        See ``uniformer_mm.push_to_hub`` for options and errors.

        Returns:
            str: Address of the commit.
        """
        from uniformer_mm.hub import push_to_hub

        return push_to_hub(self, repo_id, **options)
