# Mask2Former for things and stuff, 50 epochs: mmdet's recipe with our
# backbone, and a tenth of the learning rate for it. Its data needs the package
# panopticapi, from https://github.com/cocodataset/panopticapi.
_base_ = [
    'mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic.py',
    '../_base_/uniformer-s.py',
    '../_base_/mask2former_rates.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        attention='hybrid',
        window_size=14,
        drop_path_rate=0.2,
        norm_eval=True,  # 2 images per GPU
        with_cp=[0, 0, 8, 0],  # all of stage 3
    ),
    panoptic_head=dict(in_channels=[64, 128, 320, 512]),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=_base_.custom_keys))
