"""Stand-ins for what the OpenMMLab wheels lack on a current torch.

``mmcv_ext`` takes the place of mmcv's compiled module ``mmcv._ext``, with a
module here for each family of its functions; ``missing_ops`` says which have
none. ``mmaction_drn`` takes the place of a package left out of mmaction2's
wheel, ``xtcocotools`` (with the files that begin with its name) that of the
package which mmpose evaluates with, and ``checkpoints`` lets torch's
restricted unpickler read files written by MMEngine. The top-level module
``uniformer_mm_autoload`` decides when all but the last are used: only where
the original does not exist or, for the compiled module of xtcocotools, does
not work.

Nothing is imported here, and no module below imports other parts of
``uniformer_mm``.
"""
