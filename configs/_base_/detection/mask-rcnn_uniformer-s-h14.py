# Mask R-CNN on UniFormer-S with hybrid attention; drop path is the leaf's.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormer',
        arch='small',
        attention='hybrid',  # blocks 3 and 7 of stage 3 global, others windows
        window_size=14,  # tokens; the 14x14 stage-3 map of 224 px pre-training
        # NOTE: batch norm is trained and keeps its statistics, 2 images per
        # GPU, as in the paper; its authors say freezing helps a little:
        # mask-rcnn_uniformer-s-h14_1x_coco_frozen-bn.py.
        norm_eval=False,
        # The plain ImageNet-1K weights, 82.9 top-1: no token labelling.
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    neck=dict(in_channels=[64, 128, 320, 512]),
)
