# Common to all configs: find the suite, and name a missing data set clearly.
custom_imports = dict(imports=['uniformer_mm'], allow_failed_imports=False)
runner_type = 'uniformer_mm.DataCheckRunner'
