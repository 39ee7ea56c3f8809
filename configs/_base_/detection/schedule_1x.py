# 8 GPUs x 2 images = 16; 12 epochs, x0.1 at 8 and 11 (from mmdet's
# schedule_1x). No gradient clipping.
_base_ = [
    'mmdet::_base_/schedules/schedule_1x.py',
    'mmdet::_base_/default_runtime.py',
]

optim_wrapper = dict(
    _delete_=True,
    type='AmpOptimWrapper',  # fp16, dynamic loss scale (official: apex O1)
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
    # A name rule, as in the paper: what has 'norm' in its name is not decayed.
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_groups='not_names_with_norm'),
)
# 500 warm-up iterations; LinearLR reaches 1 at `end - 1`.
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=501
    ),
    _base_.param_scheduler[1],
]
