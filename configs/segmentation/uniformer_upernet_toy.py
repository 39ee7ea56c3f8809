# UperNet on the drawn shapes of `uniformer-mm toy-data data/toy`.
_base_ = [
    '../_base_/segmentation/upernet_uniformer-s.py',
    '../_base_/segmentation/toy.py',
    '../_base_/runtime.py',
]

data_preprocessor = dict(size=(96, 96))
group_norm = dict(_delete_=True, type='GN', num_groups=32)
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(drop_path_rate=0.0, init_cfg=None),
    # A quarter of the channels: the full head would be most of the work. The
    # pyramid pools to one pixel, where 4 images are no batch to normalise by.
    decode_head=dict(channels=128, num_classes=4, norm_cfg=group_norm),
    auxiliary_head=dict(num_classes=4, norm_cfg=group_norm),
)
del group_norm
