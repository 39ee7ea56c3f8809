# 8 GPUs x 4 videos = 32, each augmented twice: 64 clips per iteration. The
# learning rate is that of 32: it is not raised for the second augmentation.
_base_ = 'mmaction::_base_/default_runtime.py'

optim_wrapper = dict(
    type='AmpOptimWrapper',  # fp16, dynamic loss scale; tests are in fp32
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    ),
    # Norms, biases and whatever has one dimension are not decayed; the class
    # token of light models is.
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_groups='not_vectors'),
    clip_grad=dict(max_norm=20, norm_type=2),
)
# Per iteration: from 1e-6 in a line over 10 epochs, then a cosine to 1e-6.
# NOTE: the line ends one iteration earlier than officially.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6 / 1e-4,  # 1e-6 over the learning rate
        by_epoch=True,
        begin=0,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        by_epoch=True,
        begin=10,
        end=110,
        T_max=100,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=110, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
val_evaluator = dict(type='AccMetric')
test_evaluator = val_evaluator
# NOTE: mmaction2's runtime averages the batch norm statistics of the GPUs
# after each epoch; officially they are those of the first GPU. In training
# each GPU has its own, in both.
default_hooks = dict(
    logger=dict(interval=50),
    # The paper tests the last epoch, not the best.
    checkpoint=dict(interval=1, max_keep_ckpts=3),
)
# Off: the learning rates of the paper do not follow one rule.
auto_scale_lr = dict(enable=False, base_batch_size=32)
