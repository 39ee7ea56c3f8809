# 300 epochs for 8 GPUs x 128 pictures, 5 of them warm-up.
_base_ = 'mmpretrain::_base_/default_runtime.py'

optim_wrapper = dict(
    type='AmpOptimWrapper',  # fp16, dynamic loss scale
    optimizer=dict(
        type='AdamW',
        lr=1e-3,  # 5e-4 x 1024 / 512
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.05,
    ),
    # Not decayed: biases, whatever has one dimension, the class token.
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_groups='not_vectors_nor_cls_token'),
)
# Per epoch: a cosine over the whole length, below a line from 1e-6.
# NOTE: the official loop is one epoch late: its second one still has 1e-6.
# Its 10 epochs of cool-down are set there and never reached.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6 / 1e-3,
        by_epoch=True,
        begin=0,
        end=6,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=True,
        begin=0,
        end=300,
        T_max=300,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=1)
val_cfg = dict()
test_cfg = dict()
# Statistics of batch norms are those of the first GPU, as officially.
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel', broadcast_buffers=True
)
custom_hooks = [
    # Kept, but not what is evaluated.
    dict(
        type='EMAHook',
        momentum=4e-5,  # 1 - 0.99996
        update_buffers=True,
        evaluate_on_ema=False,
        evaluate_on_origin=True,
        priority='ABOVE_NORMAL',
    )
]
default_hooks = dict(
    checkpoint=dict(
        interval=1, max_keep_ckpts=3, save_best='accuracy/top1', rule='greater'
    )
)
# Off; the learning rate of the paper follows this rule.
auto_scale_lr = dict(enable=False, base_batch_size=1024)
