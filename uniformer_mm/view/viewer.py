"""``Viewer``: what a model of a predictor sees in one input, as panels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from uniformer_mm.checks import check_choice
from uniformer_mm.models.uniformer_light import UniFormerLight
from uniformer_mm.predict.items import Item, open_clips, open_pictures
from uniformer_mm.predict.predictor import Predictor
from uniformer_mm.predict.sources import find_sources
from uniformer_mm.view.attention import attention_map
from uniformer_mm.view.blocks import (
    all_blocks,
    attention_blocks,
    backbone_of,
    choose,
    stride_of,
)
from uniformer_mm.view.cam import METHODS, activation_maps
from uniformer_mm.view.features import components, strength
from uniformer_mm.view.panels import Panel, enlarge, overlay
from uniformer_mm.view.places import (
    Place,
    kind_of,
    marked,
    place_of,
    token_of,
)
from uniformer_mm.view.recorded import outputs_of, record
from uniformer_mm.view.rollout import rollout
from uniformer_mm.view.seen import Box, Point, Seen, see
from uniformer_mm.view.targets import NothingFoundError, target_of

__all__ = ['Viewer']


class Viewer:
    """Looks into the backbone of a model, deployed or not.

    Blocks are named 'stage3.2'; 'stage3' is the last one of its stage, and
    without names the last ones of all stages in question are taken.

    Args:
        predictor: What ``uniformer_mm.load`` returned.

    Raises:
        ValueError: Its backbone is none of ours.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.task = predictor.model
        self.model = predictor.module
        self.backbone = backbone_of(self.model)

    def items(self, inputs: Any, *, frame_step: int = 1) -> Iterator[Item]:
        """Open inputs as ``Predictor.predict`` takes them, one by one.

        Args:
            inputs: A picture, or a clip for action; see there.
            frame_step: Take every so many-th frame of videos.
        """
        clips = self.task.task == 'action'
        sources = find_sources(inputs, clips=clips)
        if clips:
            return open_clips(sources, bgr=False)
        return open_pictures(sources, bgr=False, step=frame_step)

    def see(self, item: Item, box: Box | None = None) -> Seen:
        """Prepare an input; see ``uniformer_mm.view.seen.see``."""
        return see(self.task, item, box)

    def features(
        self, seen: Seen, blocks: Sequence[str] | None = None
    ) -> list[Panel]:
        """Show maps: how strong tokens are, and which are alike (by colour).

        Args:
            seen: What ``see`` returned.
            blocks: Of any stage.

        Raises:
            ValueError: There is no such block.
        """
        chosen = choose(blocks, all_blocks(self.backbone))
        with torch.no_grad(), outputs_of(chosen) as kept:
            self.backbone(seen.inputs)
        strong, alike = [], []
        for name in chosen:
            channels, stride = kept[name][0], stride_of(name)
            values = enlarge(strength(channels), stride, seen.frames)
            strong.append(
                Panel(f'{name} strength', overlay(seen.frames, values))
            )
            colors = enlarge(components(channels), stride, seen.frames)
            alike.append(
                Panel(
                    f'{name} components',
                    np.rint(colors * 255).astype(np.uint8),
                )
            )
        return [*strong, *alike]

    def attention(
        self,
        seen: Seen,
        point: Point | None = None,
        *,
        frame: int | None = None,
        blocks: Sequence[str] | None = None,
        heads: bool = False,
    ) -> list[Panel]:
        """Show what the token of a point attends to.

        Args:
            seen: What ``see`` returned.
            point: x, y in pixels of the input; of clips in pixels of
                ``seen.frames``. Defaults to None: the middle, or of light
                models the class token, whose attention says what they keep.
            frame: Of a clip, where the point is. Defaults to the middle one.
            blocks: Of stages 3 and 4.
            heads: A panel for each head, not their mean.

        Raises:
            ValueError: There is no such block or frame, or the point is
                outside of what the network sees.
        """
        chosen = choose(blocks, attention_blocks(self.backbone))
        calls = record(self.backbone, seen.inputs, chosen)
        where = self._where(seen, point, frame)
        panels = [self._input(seen, where)]
        for name, call in calls.items():
            token = token_of(call, name, seen, where)
            found = attention_map(call, token)
            stride = stride_of(name)
            dim, note = None, kind_of(call)
            if found.kept is not None:
                dim = enlarge(found.kept.float(), stride, seen.frames)
                kept = int(found.kept.sum())
                note = f'keeps {kept} of {found.kept.numel()}'
            weights = found.weights
            parts = weights if heads else weights.mean(0, keepdim=True)
            for i, part in enumerate(parts):
                values = enlarge(part, stride, seen.frames)
                shown = overlay(seen.frames, values, dim=dim)
                head = f' head {i}' if heads else ''
                panels.append(
                    Panel(f'{name}{head} {note}', marked(shown, where))
                )
        return panels

    def rollout(
        self,
        seen: Seen,
        point: Point | None = None,
        *,
        frame: int | None = None,
        blocks: Sequence[str] | None = None,
    ) -> list[Panel]:
        """Show what an output is made of, through all blocks.

        Args:
            seen: What ``see`` returned.
            point: As for ``attention``. Defaults to None: all tokens in equal
                shares, or of light models the class token.
            frame: As for ``attention``.
            blocks: Blocks whose outputs to trace back. Defaults to the last.

        Raises:
            ValueError: As for ``attention``.
        """
        known = attention_blocks(self.backbone)
        names = list(known)
        calls = record(self.backbone, seen.inputs, known)
        where = self._where(seen, point, frame) if point else None
        panels = [self._input(seen, where)]
        for name in choose(blocks or names[-1:], known):
            call = calls[name]
            token = token_of(call, name, seen, where)
            before = names[: names.index(name) + 1]
            found = rollout([calls[n] for n in before], token)
            values = enlarge(found, stride_of(names[0]), seen.frames)
            shown = marked(overlay(seen.frames, values), where)
            panels.append(Panel(f'rollout to {name}', shown))
        return panels

    def cam(
        self,
        seen: Seen,
        name: str | None = None,
        *,
        box: Box | None = None,
        blocks: Sequence[str] | None = None,
        method: str = 'layer-cam',
        empty: bool = False,
    ) -> list[Panel]:
        """Show which places raise the score of a class or a box.

        Args:
            seen: What ``see`` returned.
            name: A class, or a keypoint for pose; see ``target_of``.
            box: x1, y1, x2, y2 in pixels of the input; detection and
                segmentation.
            blocks: Of any stage.
            method: A key of ``METHODS``.
            empty: Show the input alone where nothing is found.

        Raises:
            NothingFoundError: Nothing is found of the class, or at the box.
            ValueError: There is no such block, class or method.
        """
        check_choice('method', method, list(METHODS))
        chosen = choose(blocks, all_blocks(self.backbone))
        try:
            maps, what = activation_maps(
                self.model,
                chosen,
                lambda: target_of(self.task, seen, name, box),
                method,
            )
        except NothingFoundError:
            if not empty:
                raise
            titles = [
                'input: nothing found',
                *(f'{b} {method}' for b in chosen),
            ]
            return [Panel(title, seen.frames) for title in titles]
        panels = [Panel(f'input: {what}', seen.frames)]
        for block, values in maps.items():
            shown = enlarge(values, stride_of(block), seen.frames)
            panels.append(
                Panel(f'{block} {method}', overlay(seen.frames, shown))
            )
        return panels

    def _where(
        self, seen: Seen, point: Point | None, frame: int | None
    ) -> Place | None:
        """The place, or None for class tokens."""
        place = place_of(seen, point, frame)
        light = isinstance(self.backbone, UniFormerLight)
        return None if light and point is None else place

    def _input(self, seen: Seen, where: Place | None) -> Panel:
        return Panel('input', marked(seen.frames, where))
