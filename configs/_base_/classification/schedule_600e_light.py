# 600 epochs for 8 GPUs x 512 pictures, 30 of them warm-up; for light models.
_base_ = 'schedule_300e.py'

optim_wrapper = dict(
    type='OptimWrapper',  # fp32
    optimizer=dict(lr=3.2e-3, weight_decay=0.1),  # 4e-4 x 4096 / 512
)
_base_.param_scheduler[0].update(start_factor=1e-6 / 3.2e-3, end=31)
_base_.param_scheduler[1].update(end=600, T_max=600)
train_cfg = dict(max_epochs=600)
# NOTE: officially the better of both weights counts, but the file that is kept
# as the best one changes with the raw weights alone.
custom_hooks = [
    dict(
        type='EMAHook',
        momentum=1e-4,  # 1 - 0.9999
        update_buffers=True,
        evaluate_on_ema=True,
        evaluate_on_origin=True,
        priority='ABOVE_NORMAL',
    )
]
auto_scale_lr = dict(base_batch_size=4096)
