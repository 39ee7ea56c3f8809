# UniFormer-B at 448x320.
_base_ = 'td-hm_uniformer-s_210e_coco-448x320.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.55,
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)
# 8 GPUs x 32 boxes = 256; 2e-3 per 1024, as everywhere, is 5e-4
train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=256)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
default_hooks = dict(checkpoint=dict(interval=10))
