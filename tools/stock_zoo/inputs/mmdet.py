"""Small inputs for mmdet: pictures with boxes, masks, captions, or videos."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.structures import ReIDDataSample
from mmdet.testing import (
    demo_mm_inputs,
    demo_mm_proposals,
    demo_track_inputs,
)
from mmengine import Config

from tools.stock_zoo.inputs import Batches, dicts, short

SIDE = 128  # px
QUERIES = 100
BOXES = 3  # in each picture
CROP = (256, 128)  # px, of a person
# Models whose parts are trained one by one.
TRAINED_APART = ('DeepSORT', 'StrongSORT')
# Trackers that are trained on pictures, and on videos.
ON_PICTURES = (*TRAINED_APART, 'ByteTrack', 'OCSORT')
ON_VIDEOS = ('QDTrack', 'MaskTrackRCNN', 'Mask2FormerVideo')
WORDS = ('cat', 'dog', 'bird')


def make(config: Config, folder: Path) -> Batches:
    """Shrink the config, and make inputs for it."""
    model = config.model
    kind = short(model.type)
    _shrink(model)
    if kind == 'BaseReID':
        return _crops()
    if any(short(part.get('type')) == 'BertModel' for part in dicts(model)):
        _small_language_model(model, folder)
    detector = model.get('detector', model)
    batch = 1 if _has(detector, 'GuidedAnchor', 'GARPN', 'GARetina') else 2
    if kind in ON_VIDEOS:
        return Batches(_videos(2), _videos(1))
    # Some assigners look at masks wherever there are any.
    masks = any(part.get('with_mask') for part in dicts(config.to_dict()))
    pictures = partial(_pictures, detector, masks)
    if kind in ON_PICTURES:
        part = 'detector' if kind in TRAINED_APART else ''
        # One of DeepSORT's is for testing alone, and says videos throughout.
        model.data_preprocessor['use_det_processor'] = True
        return Batches(pictures(batch), _videos(1), part)
    if 'semi_train_cfg' in model:
        return Batches(_branches(pictures), pictures(1))
    return Batches(pictures(batch), pictures(1))


def _shrink(model: Any) -> None:
    """Let no part of the model want pictures of its own size."""
    for part in dicts(model):
        if short(part.get('type')) == 'BatchFixedSizePad':
            part['size'] = (SIDE, SIDE)
        # Two stages choose them among the cells of all maps.
        if part.get('num_queries', 0) > QUERIES:
            part['num_queries'] = QUERIES
    if short(model.type) == 'QueryInst':
        # Untrained, it finds boxes outside of the picture, which mmdet can't
        # paste masks into.
        for part in dicts(model):
            if short(part.get('type')) == 'DeltaXYWHBBoxCoder':
                part['clip_border'] = True


def _has(model: Any, *names: str) -> bool:
    kinds = [short(part.get('type')) for part in dicts(model)]
    return any(name in kind for kind in kinds for name in names)


def _side(model: Any) -> int:
    """Pixels of a side; a pyramid down to one pixel wants its own."""
    sizes = [
        part['input_size'] for part in dicts(model) if 'input_size' in part
    ]
    return next((n for n in sizes if isinstance(n, int)), SIDE)


def _classes(model: Any) -> int:
    """How many classes every head knows."""
    names = ('num_classes', 'num_things_classes')
    found = [
        part[name]
        for part in dicts(model)
        for name in names
        if isinstance(part.get(name), int)
        and 'Semantic' not in short(part.get('type'))
    ]
    return min(found, default=1)


def _pictures(model: Any, masks: bool, batch: int) -> Any:
    """Pictures with boxes, on request masks, and what else the model reads."""
    shape = (3, _side(model), _side(model))
    texts = None
    if 'language_model' in model:
        texts = [' . '.join(WORDS) + ' .'] * batch
    labels = _semantic_labels(model)
    data = demo_mm_inputs(
        batch_size=batch,
        image_shapes=shape,
        num_items=[BOXES] * batch,
        num_classes=labels or 2,
        with_mask=masks,
        with_semantic=labels > 0,
        sem_seg_output_strides=8 if _has(model, 'FusedSemanticHead') else 1,
        texts=texts,
        custom_entities=True,
    )
    classes = len(WORDS) if texts else _classes(model)
    proposals = demo_mm_proposals([shape] * batch, 2 * BOXES)
    for sample, boxes in zip(data['data_samples'], proposals, strict=True):
        sample.gt_instances.labels %= classes
        if 'roi_head' in model and 'rpn_head' not in model:
            sample.proposals = boxes
        homography = np.eye(3, dtype=np.float32)  # as pipelines make it
        sample.set_metainfo({'homography_matrix': homography})
    return data


def _semantic_labels(model: Any) -> int:
    """Labels of the map of a model that learns one beside its boxes."""
    for part in dicts(model):
        if 'semantic_head' in part:
            head = part['semantic_head']
            if 'num_classes' in head:
                return int(head['num_classes'])
    for part in dicts(model):
        if part.get('num_stuff_classes'):
            return int(part['num_things_classes'] + part['num_stuff_classes'])
    return 0


def _branches(pictures: Callable[[int], Any]) -> Any:
    """The same pictures, labelled and not, to teach and to learn from."""
    names = ('sup', 'unsup_teacher', 'unsup_student')
    data = [pictures(1) for _ in names]
    return {
        key: {name: one[key] for name, one in zip(names, data, strict=True)}
        for key in ('inputs', 'data_samples')
    }


def _videos(batch: int) -> Any:
    """Two frames each: the second, and the first that it is compared with."""
    return demo_track_inputs(
        batch_size=batch,
        num_frames=2,
        key_frames_inds=[1],
        image_shapes=(3, SIDE, SIDE),
        num_items=[BOXES] * batch,
        num_classes=1,
        with_mask=True,
    )


def _crops() -> Batches:
    """Crops of two people, two of each."""
    pictures = [torch.randint(256, (3, *CROP)) for _ in range(4)]
    samples = [ReIDDataSample().set_gt_label(i // 2) for i in range(4)]
    data = {'inputs': pictures, 'data_samples': samples}
    test = {'inputs': pictures[:1], 'data_samples': samples[:1]}
    return Batches(data, test)


def _small_language_model(model: Any, folder: Path) -> None:
    """Let a model read with a BERT of one layer, made here."""
    from transformers import BertConfig, BertModel

    signs = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '.', '?')
    words = '\n'.join((*signs, *WORDS))
    (folder / 'vocab.txt').write_text(words)
    small = BertConfig(num_hidden_layers=1, intermediate_size=64)
    BertModel(small).save_pretrained(folder)
    (folder / 'tokenizer_config.json').write_text(
        '{"tokenizer_class": "BertTokenizer"}'
    )
    for part in dicts(model):
        for key in ('lang_model_name', 'name'):
            if part.get(key) == 'bert-base-uncased':
                part[key] = str(folder)
