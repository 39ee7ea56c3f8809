# Something-Something V1, in frames. Layout and lists are mmaction2's:
#   data/sthv1/sthv1_{train,val}_list_rawframes.txt  `FOLDER FRAMES LABEL`
#   data/sthv1/rawframes/FOLDER/00001.jpg ...
data_root = 'data/sthv1/'
filename_tmpl = '{:05}.jpg'
dataset = dict(
    type='RawframeDataset',
    data_root=data_root,
    data_prefix=dict(img='rawframes'),
    filename_tmpl=filename_tmpl,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='repeat_pseudo_collate'),
    dataset=dict(dataset, ann_file='sthv1_train_list_rawframes.txt'),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        dataset, ann_file='sthv1_val_list_rawframes.txt', test_mode=True
    ),
)
test_dataloader = dict(val_dataloader, batch_size=2)
del dataset
