"""From a folder of somebody's data to a config that trains on it.

``write_config`` finds out what a folder holds, writes what the host reads
beside the config, and fills in a template. It changes nothing in the folder.
"""

from uniformer_mm.own_data.write import Written, write_config

__all__ = ['Written', 'write_config']
