# A template for your own videos: edit the lines up to the mark, or copy this
# file into your project and name the bases by their full paths.
# `uniformer-mm init action DIR` does it.
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/ucf101.py',
    '../_base_/action/schedule_25e.py',
    '../_base_/runtime.py',
]

data_root = 'data/custom/'
# Lines of the lists are `FILE LABEL`, with labels from 0.
train_file, train_videos = 'train.txt', 'videos/'
val_file, val_videos = 'val.txt', 'videos/'
delimiter = ' '  # '\t' where names of files have spaces
classes = ('clap', 'wave')
clip_len, frame_interval = 16, 4  # frames, of a window of 16 x 4
# Whether a mirrored video has the same label: not where left and right differ.
flip = True
batch_size = 4  # per GPU, each augmented twice
max_epochs = 25
lr = 5e-5  # for 128 videos in all; less for fewer
# ---------------------------------------------------------------------------

num_classes = len(classes)
model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-small_k400_16x4')),
    cls_head=dict(num_classes=num_classes),
    data_preprocessor=dict(blending=dict(num_classes=num_classes)),
)
sample = dict(
    type='uniformer_mm.DenseSample',
    clip_len=clip_len,
    frame_interval=frame_interval,
)
test_sample = dict(sample, test_mode=True)
decode, repeat = _base_.augment
repeat = dict(
    repeat,
    transforms=[
        dict(step, flip_ratio=0.5 * flip) if step['type'] == 'Flip' else step
        for step in repeat.transforms
    ],
)
train_pipeline = [_base_.init, sample, decode, repeat]
test_pipeline = [_base_.init, test_sample, *_base_.view]
del sample, test_sample, decode, repeat
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        data_root=data_root,
        ann_file=train_file,
        data_prefix=dict(video=train_videos),
        delimiter=delimiter,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=val_file,
        data_prefix=dict(video=val_videos),
        delimiter=delimiter,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='AccMetric',
    metric_options=dict(top_k_accuracy=dict(topk=(1, min(5, num_classes)))),
)
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=lr))
warm_up = max(1, max_epochs // 5)
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=0.01, end=warm_up),
    dict(
        _base_.param_scheduler[1],
        begin=warm_up,
        end=max(max_epochs, warm_up + 1),
        T_max=max(1, max_epochs - warm_up),
    ),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max(1, max_epochs // 10))
del warm_up
