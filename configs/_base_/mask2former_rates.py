# What Mask2Former's authors give a transformer below it: a tenth of the
# learning rate, and no decay of norms. MMEngine takes the longest key that is
# in the name of a parameter, so that 'norm' alone would lose to 'backbone'.
custom_keys = {
    f'backbone.{part}norm': dict(lr_mult=0.1, decay_mult=0.0)
    for part in (
        *(f'patch_embed{stage}.' for stage in (1, 2, 3, 4)),
        *(
            f'blocks{stage}.{block}.'
            for stage, depth in enumerate((3, 4, 8, 3), 1)
            for block in range(depth)
        ),
        '',  # of the outputs
    )
}
