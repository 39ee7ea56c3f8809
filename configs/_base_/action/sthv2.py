# Something-Something V2, in frames, extracted at 30 per second.
#   data/sthv2/sthv2_{train,val}_list_rawframes.txt  `FOLDER FRAMES LABEL`
#   data/sthv2/rawframes/FOLDER/img_00001.jpg ...
data_root = 'data/sthv2/'
filename_tmpl = 'img_{:05}.jpg'
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
    dataset=dict(dataset, ann_file='sthv2_train_list_rawframes.txt'),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        dataset, ann_file='sthv2_val_list_rawframes.txt', test_mode=True
    ),
)
test_dataloader = dict(val_dataloader, batch_size=2)
del dataset
