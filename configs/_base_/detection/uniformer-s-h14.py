# UniFormer-S as in the paper's detectors; what a leaf takes of it, and whether
# batch norm is trained, is the leaf's.
_base_ = '../uniformer-s.py'

uniformer_s = dict(
    attention='hybrid',
    window_size=14,
    drop_path_rate=0.2,
    with_cp=[0, 0, 8, 0],  # all of stage 3
)
