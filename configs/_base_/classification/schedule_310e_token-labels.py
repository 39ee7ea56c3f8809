# Token labelling: 300 epochs, 5 of them warm-up, and 10 to cool down.
_base_ = 'schedule_300e.py'

optim_wrapper = dict(optimizer=dict(lr=1.6e-3))  # not scaled by the batch
_base_.param_scheduler[0].start_factor = 1e-6 / 1.6e-3
train_cfg = dict(max_epochs=310)
custom_hooks = [
    dict(
        type='EMAHook',
        momentum=8e-5,  # 1 - 0.99992
        update_buffers=True,
        evaluate_on_ema=True,
        evaluate_on_origin=True,
        priority='ABOVE_NORMAL',
    )
]
