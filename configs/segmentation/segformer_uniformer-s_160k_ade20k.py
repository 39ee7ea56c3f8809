# SegFormer's head. Its authors' recipe, which is UperNet's with ten times the
# learning rate for the head.
_base_ = [
    'mmseg::_base_/models/segformer_mit-b0.py',
    '../_base_/segmentation/ade20k_aligned.py',
    '../_base_/segmentation/schedule_upernet_160k.py',
    '../_base_/uniformer-s.py',
    '../_base_/runtime.py',
]

data_preprocessor = dict(size=(512, 512))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        attention='global',
        drop_path_rate=0.25,
        norm_eval=True,  # 2 images per GPU
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512], num_classes=150),
)
train_dataloader = dict(batch_size=2)  # x 8 GPUs = 16
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=10.0)))
)
