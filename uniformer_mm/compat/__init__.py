"""Stand-ins for what the OpenMMLab wheels lack on a current torch.

``mmcv_ext`` (with ``nms``, ``roi_align`` and ``focal_loss``) takes the place
of mmcv's compiled module ``mmcv._ext``, ``mmaction_drn`` that of a package
left out of mmaction2's wheel, and ``checkpoints`` lets torch's restricted
unpickler read files written by MMEngine. The top-level module
``uniformer_mm_autoload`` decides when the first two are used: only where the
original does not exist.

Nothing is imported here, and no module below imports other parts of
``uniformer_mm``.
"""
