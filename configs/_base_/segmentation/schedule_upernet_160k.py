# 8 GPUs x 2 images = 16, 160k iterations. No gradient clipping, fp32.
_base_ = [
    'mmseg::_base_/schedules/schedule_160k.py',
    'mmseg::_base_/default_runtime.py',
]

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01
    ),
    # A name rule, as in the paper: what has 'norm' in its name is not decayed.
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_groups='not_names_with_norm'),
)
# NOTE: as officially, the warm-up multiplies a polynomial that begins with
# the training; both reach their ends at `end - 1`, hence the 1.
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1501
    ),
    dict(
        type='PolyLR',
        power=1.0,
        eta_min=0.0,
        by_epoch=False,
        begin=0,
        end=160001,
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=16)
