# 8 GPUs x 4 images = 32, so 80k iterations are 2.56M images: as many as the
# usual 160k with 16. No gradient clipping, fp32.
_base_ = [
    'mmseg::_base_/schedules/schedule_80k.py',
    'mmseg::_base_/default_runtime.py',
]

train_cfg = dict(val_interval=4000)
# Everything is decayed, norms and biases too.
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    # The 1e-4 usual with 16 images, x 32 / 16.
    optimizer=dict(
        type='AdamW', lr=2e-4, betas=(0.9, 0.999), weight_decay=1e-4
    ),
)
# NOTE: as officially, the warm-up multiplies a cosine that begins with the
# training; LinearLR reaches 1 at `end - 1`, which makes 1000 iterations.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=1001),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=1e-8,
        by_epoch=False,
        begin=0,
        end=80000,
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=32)
