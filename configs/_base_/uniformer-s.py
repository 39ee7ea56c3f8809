# UniFormer-S for heads that the paper does not have. A leaf takes it by
# `backbone=dict(_delete_=True, **_base_.uniformer_s, ...)`, in place of the
# backbone of a host's config.
uniformer_s = dict(
    type='uniformer_mm.UniFormer',
    arch='small',
    # The plain ImageNet-1K weights, 82.9 top-1: no token labelling.
    init_cfg=dict(
        type='uniformer_mm.UniFormerPretrained',
        checkpoint='uniformer-small_in1k',
    ),
)
