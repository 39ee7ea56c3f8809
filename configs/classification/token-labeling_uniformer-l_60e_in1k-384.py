_base_ = 'token-labeling_uniformer-s_60e_in1k-384.py'

weights = 'uniformer-large_tl-224'
model = dict(
    backbone=dict(
        arch='large',
        head_dim=64,
        drop_path_rate=0.3,
        init_cfg=dict(checkpoint=weights),
    ),
    head=dict(in_channels=640, init_cfg=dict(checkpoint=weights)),
)
# 8 GPUs x 32 = 256
train_dataloader = dict(batch_size=32)
val_dataloader = dict(batch_size=32)
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=256)
