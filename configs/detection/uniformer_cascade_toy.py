# The main Cascade Mask R-CNN on the drawn shapes of
# `uniformer-mm toy-data data/toy`: minutes on two CPU cores.
_base_ = [
    '../_base_/detection/cascade-mask-rcnn_uniformer-s-h14.py',
    '../_base_/detection/toy.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(init_cfg=None),
    roi_head=dict(
        # A quarter of the channels: the full heads are most of the work.
        bbox_head=[
            dict(
                head, num_classes=3, conv_out_channels=64, fc_out_channels=256
            )
            for head in _base_.model.roi_head.bbox_head
        ],
        mask_head=dict(num_classes=3, conv_out_channels=64),
    ),
    # Few regions: an image holds at most four shapes.
    train_cfg=dict(
        rpn_proposal=dict(max_per_img=200),
        rcnn=[
            dict(cfg, sampler=dict(cfg['sampler'], num=32))
            for cfg in _base_.model.train_cfg.rcnn
        ],
    ),
    test_cfg=dict(rpn=dict(max_per_img=50), rcnn=dict(max_per_img=20)),
)
