"""The sweep of the hosts' own configs, with their backbones and with ours."""
